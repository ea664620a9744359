# SPDX-License-Identifier: Apache-2.0
# Encoders that are committed in one archive: xz takes a third off bfloat16 weights, and the checkout
# has a limit. Configuring unpacks them beside their configurations, where Git does not see them.

# permafrost_unpack_encoders(FOLDER): FOLDER/encoders.tar.xz into FOLDER, unless that was done before.
# Encoders that were pretrained anew in FOLDER stay until the archive changes. A configuration that is
# stopped half-way unpacks again: the stamp is written last.
function(permafrost_unpack_encoders folder)
  set(archive ${folder}/encoders.tar.xz)
  set(stamp ${folder}/.unpacked)
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${archive})
  file(SHA256 ${archive} hash)
  set(unpacked "")
  if(EXISTS ${stamp})
    file(READ ${stamp} unpacked)
  endif()
  file(GLOB encoders ${folder}/*.safetensors)
  if(unpacked STREQUAL hash AND encoders)
    return()
  endif()
  message(STATUS "Unpacking ${archive}")
  file(ARCHIVE_EXTRACT INPUT ${archive} DESTINATION ${folder})
  file(WRITE ${stamp} ${hash})
endfunction()
