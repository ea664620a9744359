# SPDX-License-Identifier: Apache-2.0
# permafrost_library(NAME [TORCH] SOURCES ... [DEPS ...])   one static library a room
# permafrost_test_program(NAME [TORCH] [DEPS ...])          one program a room for its tests
# permafrost_tests(PROGRAM [LABELS ...] [FILES ...])        FILE_test.cpp beside the source, one ctest entry a file
#
# Headers that most files include are compiled once for each kind of target: ATen/ATen.h costs 11 s
# a file without that, GoogleTest and nlohmann's JSON 2 s. A precompiled header serves one set of
# switches, so the kinds are four.
function(permafrost_precompiled name)
  cmake_parse_arguments(ARG "" "" "DEPS;OPTIONS;HEADERS" ${ARGN})
  file(WRITE ${CMAKE_BINARY_DIR}/${name}.cpp.in "// The owner of a precompiled header.\n")
  configure_file(${CMAKE_BINARY_DIR}/${name}.cpp.in ${CMAKE_BINARY_DIR}/${name}.cpp COPYONLY)
  add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/${name}.cpp)
  target_link_libraries(${name} PUBLIC permafrost_compiler ${ARG_DEPS})
  target_compile_options(${name} PRIVATE ${ARG_OPTIONS})
  target_precompile_headers(${name} PRIVATE ${ARG_HEADERS})
endfunction()

set(_json_headers <nlohmann/json.hpp> <algorithm> <filesystem> <functional> <map> <optional> <string>
  <vector>)
permafrost_precompiled(plain_precompiled HEADERS ${_json_headers})
permafrost_precompiled(torch_precompiled DEPS permafrost_torch HEADERS <ATen/ATen.h> <ATen/core/grad_mode.h> ${_json_headers})

# A file that includes nothing else costs 2 s and more: the compiler instantiates what the inline
# functions of LibTorch's headers use in every file anew. Sources that are compiled together pay that
# once. They share one anonymous namespace, so their helpers need names of their own.
function(permafrost_unity name)
  set_target_properties(${name} PROPERTIES UNITY_BUILD ${PERMAFROST_UNITY} UNITY_BUILD_BATCH_SIZE 16)
endfunction()

function(permafrost_library name)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  permafrost_unity(${name})
  target_link_libraries(${name} PUBLIC permafrost_compiler ${ARG_DEPS})
  if(ARG_TORCH)
    target_link_libraries(${name} PUBLIC permafrost_torch)
    target_precompile_headers(${name} REUSE_FROM torch_precompiled)
  else()
    target_precompile_headers(${name} REUSE_FROM plain_precompiled)
  endif()
endfunction()

# Code whose own time is nothing beside what it calls is compiled at -O1, in two thirds of the time of
# -O2. Numbers are the same: the compiler may not change an operation on floating-point numbers.
set(PERMAFROST_FAST_COMPILE $<$<NOT:$<CONFIG:Debug>>:-O1>)
# At -O1, strings look to GCC 12 as if they were read and written outside.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND PERMAFROST_FAST_COMPILE -Wno-maybe-uninitialized -Wno-array-bounds
    -Wno-stringop-overflow -Wno-restrict)
endif()

function(permafrost_compiled_fast name)
  target_compile_options(${name} PRIVATE ${PERMAFROST_FAST_COMPILE})
endfunction()

if(PERMAFROST_TESTS)
  find_package(GTest REQUIRED)
  # Most of the time of a test passes in the libraries.
  set(PERMAFROST_TEST_OPTIONS -O0)
  permafrost_precompiled(plain_test_precompiled DEPS GTest::gtest OPTIONS ${PERMAFROST_TEST_OPTIONS}
    HEADERS <gtest/gtest.h> ${_json_headers})
  permafrost_precompiled(torch_test_precompiled DEPS GTest::gtest permafrost_torch
    OPTIONS ${PERMAFROST_TEST_OPTIONS} HEADERS <gtest/gtest.h> <ATen/ATen.h> <ATen/core/grad_mode.h> ${_json_headers})
  add_library(permafrost_test_main STATIC ${CMAKE_SOURCE_DIR}/common/testing/test_main.cpp)
  target_link_libraries(permafrost_test_main PUBLIC permafrost_compiler GTest::gtest)
  cmake_host_system_information(RESULT PERMAFROST_CORES QUERY NUMBER_OF_LOGICAL_CORES)
  # Tests that keep several cores busy, so that `ctest -j` starts none beside them. All of them: they
  # run the program without --threads, or cut their own work by available_threads().
  set(PERMAFROST_ALL_CORES cli data_cli decoder_data features_cli gate pretrain_queue probe_cli
    single_frame)
  set(PERMAFROST_TWO_CORES evaluate_cli evaluation features finetune paper_suite pretrain
    pretrain_bench probe_training runner trainer)
endif()

# Seconds. A sanitizer makes the longest tests, which compute tables, ten times as slow.
set(PERMAFROST_TEST_TIMEOUT 600)
if(PERMAFROST_SANITIZE)
  set(PERMAFROST_TEST_TIMEOUT 7200)
endif()

function(permafrost_test_program name)
  if(NOT PERMAFROST_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "TORCH" "" "DEPS" ${ARGN})
  add_executable(${name})
  permafrost_unity(${name})
  target_link_libraries(${name} PRIVATE permafrost_compiler ${ARG_DEPS} permafrost_test_main)
  if(ARG_TORCH)
    target_link_libraries(${name} PRIVATE permafrost_torch)
    target_precompile_headers(${name} REUSE_FROM torch_test_precompiled)
  else()
    target_precompile_headers(${name} REUSE_FROM plain_test_precompiled)
  endif()
  target_compile_options(${name} PRIVATE ${PERMAFROST_TEST_OPTIONS})
  target_compile_definitions(${name} PRIVATE PERMAFROST_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
endfunction()

function(permafrost_tests program)
  if(NOT PERMAFROST_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "LABELS;FILES" ${ARGN})
  foreach(file ${ARG_FILES})
    set(source ${CMAKE_CURRENT_SOURCE_DIR}/${file}_test.cpp)
    target_sources(${program} PRIVATE ${source})
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE path)
    get_filename_component(name ${file} NAME)
    add_test(NAME ${name} COMMAND ${program} ${path})
    # 77: every case was skipped (common/testing/test_main.cpp, which also writes the reasons down).
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${PERMAFROST_TEST_TIMEOUT}
      SKIP_RETURN_CODE 77 ENVIRONMENT PERMAFROST_SKIPPED=${CMAKE_BINARY_DIR}/Testing/skipped/${name})
    if(name IN_LIST PERMAFROST_ALL_CORES)
      set_tests_properties(${name} PROPERTIES PROCESSORS ${PERMAFROST_CORES})
    elseif(name IN_LIST PERMAFROST_TWO_CORES)
      set_tests_properties(${name} PROPERTIES PROCESSORS 2)
    endif()
  endforeach()
endfunction()
