# SPDX-License-Identifier: Apache-2.0
# Imported targets for the CPU half of LibTorch: `permafrost_torch`.
#
# find_package(Torch) of the PyPI wheel insists on a CUDA toolkit; two imported libraries and the
# headers are all that this project needs. The CUDA half is loaded at run time when there is a driver.
set(PERMAFROST_TORCH_VERSION 2.11.0)
if(NOT LIBTORCH AND DEFINED ENV{LIBTORCH})
  set(LIBTORCH $ENV{LIBTORCH})
endif()
if(NOT LIBTORCH)
  set(_cache $ENV{XDG_CACHE_HOME})
  if(NOT _cache)
    set(_cache $ENV{HOME}/.cache)
  endif()
  set(LIBTORCH ${_cache}/permafrost/libtorch-${PERMAFROST_TORCH_VERSION})
endif()
# Both layouts are taken: a folder that holds torch/, and the torch folder itself.
if(EXISTS ${LIBTORCH}/lib/libtorch_cpu.so)
  set(_torch ${LIBTORCH})
else()
  set(_torch ${LIBTORCH}/torch)
endif()
if(NOT EXISTS ${_torch}/lib/libtorch_cpu.so)
  message(FATAL_ERROR
    "LibTorch ${PERMAFROST_TORCH_VERSION}: expected ${_torch}/lib/libtorch_cpu.so, found no such file.\n"
    "Run scripts/setup, which fetches it into a user cache, or name a folder with -DLIBTORCH=DIR "
    "or the environment variable LIBTORCH.")
endif()

foreach(_lib torch_cpu c10)
  add_library(${_lib} SHARED IMPORTED)
  set_target_properties(${_lib} PROPERTIES IMPORTED_LOCATION ${_torch}/lib/lib${_lib}.so)
endforeach()
add_library(permafrost_torch INTERFACE)
target_include_directories(permafrost_torch SYSTEM INTERFACE
  ${_torch}/include ${_torch}/include/torch/csrc/api/include)
target_link_options(permafrost_torch INTERFACE -Wl,--allow-shlib-undefined)
target_link_libraries(permafrost_torch INTERFACE
  -Wl,--no-as-needed torch_cpu c10 -Wl,--as-needed ${CMAKE_DL_LIBS})
