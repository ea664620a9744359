# SPDX-License-Identifier: Apache-2.0
# permafrost_library(NAME [TORCH] SOURCES ... [DEPS ...])   one static library a room
# permafrost_test(NAME [TORCH] [DEPS ...] [LABELS ...])     NAME_test.cpp beside the source, one ctest entry
function(permafrost_library name)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC permafrost_compiler ${ARG_DEPS})
  if(ARG_TORCH)
    target_link_libraries(${name} PUBLIC permafrost_torch)
    target_precompile_headers(${name} REUSE_FROM torch_precompiled)
  endif()
endfunction()

if(PERMAFROST_TESTS)
  find_package(GTest REQUIRED)
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

function(permafrost_test name)
  if(NOT PERMAFROST_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "TORCH" "" "DEPS;LABELS" ${ARGN})
  get_filename_component(base ${name} NAME)
  set(target ${base}_test)
  add_executable(${target} ${name}_test.cpp)
  target_link_libraries(${target} PRIVATE permafrost_compiler ${ARG_DEPS} permafrost_test_main)
  if(ARG_TORCH)
    target_link_libraries(${target} PRIVATE permafrost_torch)
    target_precompile_headers(${target} REUSE_FROM torch_precompiled)
  endif()
  target_compile_definitions(${target} PRIVATE PERMAFROST_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${base} COMMAND ${target})
  # 77: every case was skipped (common/testing/test_main.cpp, which also writes the reasons down).
  set_tests_properties(${base} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 600 SKIP_RETURN_CODE 77
    ENVIRONMENT PERMAFROST_SKIPPED=${CMAKE_BINARY_DIR}/Testing/skipped)
  if(base IN_LIST PERMAFROST_ALL_CORES)
    set_tests_properties(${base} PROPERTIES PROCESSORS ${PERMAFROST_CORES})
  elseif(base IN_LIST PERMAFROST_TWO_CORES)
    set_tests_properties(${base} PROPERTIES PROCESSORS 2)
  endif()
endfunction()
