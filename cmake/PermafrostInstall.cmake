# SPDX-License-Identifier: Apache-2.0
# The program and the files that come with it, as packages and wheels install them.

# permafrost_install_shared(FOLDER COMPONENT): into FOLDER what common/files/shared_folder.h looks for.
# Of encoders that are committed in an archive, the files that were unpacked (PermafrostZoo.cmake).
function(permafrost_install_shared folder component)
  foreach(part IN ITEMS bench/specs:specs bench/claims:claims datasets/known:datasets models/zoo:zoo)
    string(REPLACE ":" ";" part ${part})
    list(GET part 0 from)
    list(GET part 1 to)
    install(DIRECTORY ${CMAKE_SOURCE_DIR}/${from}/ DESTINATION ${folder}/${to}
      COMPONENT ${component} PATTERN encoders.tar.xz EXCLUDE PATTERN .unpacked EXCLUDE)
  endforeach()
endfunction()

# permafrost_install_program(FOLDER COMPONENT): the program into FOLDER/bin and its files into
# FOLDER/share/permafrost. It finds LibTorch in the package `torch` beside FOLDER, or where the
# script that starts it says, and knows no path of this machine.
function(permafrost_install_program folder component)
  set_target_properties(permafrost PROPERTIES
    INSTALL_RPATH "$ORIGIN/../../torch/lib" INSTALL_RPATH_USE_LINK_PATH OFF)
  install(TARGETS permafrost RUNTIME DESTINATION ${folder}/bin COMPONENT ${component})
  permafrost_install_shared(${folder}/share/permafrost ${component})
endfunction()
