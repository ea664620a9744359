# SPDX-License-Identifier: Apache-2.0
# Video and image files. Sets PERMAFROST_VIDEO_SOURCES (relative to datasets/), PERMAFROST_VIDEO_DEPS
# and PERMAFROST_VIDEO_DEFINITIONS, and defines permafrost_video_tests(), to be called once the
# library stands.
set(PERMAFROST_VIDEO_SOURCES
  lists/class_folders.cpp frames/clip_request.cpp clips/cut_source.cpp check/file_check.cpp
  frames/float_crop.cpp video/frame_folder.cpp video/frame_index.cpp images/orientation.cpp
  lists/manifest.cpp lists/manifest_builder.cpp lists/manifest_json.cpp lists/text_line.cpp
  video/packet_units.cpp frames/sampling.cpp clips/source.cpp tar/tar_index.cpp
  lists/tar_list.cpp frames/transform.cpp)
set(PERMAFROST_VIDEO_DEPS)
set(PERMAFROST_VIDEO_DEFINITIONS)

if(PERMAFROST_FFMPEG)
  find_package(PkgConfig)
  if(PKG_CONFIG_FOUND)
    pkg_check_modules(FFMPEG IMPORTED_TARGET GLOBAL libavformat>=59 libavcodec>=59 libavutil>=57
      libswscale>=6)
  endif()
  if(NOT FFMPEG_FOUND)
    message(FATAL_ERROR
      "FFmpeg 5.1 or later: expected the pkg-config packages libavformat, libavcodec, libavutil and "
      "libswscale, found not all of them.\nInstall them (Debian: apt-get install pkg-config "
      "libavformat-dev libavcodec-dev libavutil-dev libswscale-dev), or build without video files: -DPERMAFROST_FFMPEG=OFF.")
  endif()
  list(APPEND PERMAFROST_VIDEO_SOURCES video/clip_decoding.cpp images/codecs.cpp video/decoder.cpp
    check/file_decoding_check.cpp video/frame_reader.cpp video/frame_stream.cpp images/jpeg.cpp
    images/picture.cpp rendered/video_writer.cpp)
  if(PERMAFROST_FFMPEG_AT_RUN_TIME)
    list(APPEND PERMAFROST_VIDEO_SOURCES images/ffmpeg_at_run_time.cpp)
    include_directories(SYSTEM ${FFMPEG_INCLUDE_DIRS})
    # For the dependencies of packages.
    foreach(part libavformat libswscale)
      string(REGEX MATCH "^[0-9]+" major "${FFMPEG_${part}_VERSION}")
      set(FFMPEG_${part}_MAJOR ${major} CACHE INTERNAL "Major version of FFmpeg's ${part}")
    endforeach()
  else()
    list(APPEND PERMAFROST_VIDEO_DEPS PkgConfig::FFMPEG)
  endif()
  list(APPEND PERMAFROST_VIDEO_DEFINITIONS PERMAFROST_FFMPEG=1)
else()
  list(APPEND PERMAFROST_VIDEO_SOURCES images/codecs_absent.cpp video/decoder_absent.cpp
    check/file_check_absent.cpp video/frame_stream_absent.cpp images/jpeg_absent.cpp
    rendered/video_writer_absent.cpp)
endif()

function(permafrost_video_tests)
  permafrost_tests(datasets_tests LABELS unit FILES
    frames/float_crop video/frame_index video/packet_units lists/manifest lists/manifest_forms
    lists/text_line frames/sampling tar/tar_index frames/transform)
  permafrost_tests(datasets_tests LABELS parity FILES
    frames/sampling_parity frames/transform_parity)
  if(PERMAFROST_FFMPEG)
    permafrost_tests(datasets_tests LABELS unit FILES
      images/orientation video/decoder video/frame_folder rendered/video_writer)
    permafrost_tests(datasets_tests LABELS data FILES
      video/decoder_data)
  else()
    permafrost_tests(datasets_tests LABELS unit FILES
      video/decoder_absent)
  endif()
endfunction()
