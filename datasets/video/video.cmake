# SPDX-License-Identifier: Apache-2.0
# Video and image files. Sets PERMAFROST_VIDEO_SOURCES (relative to datasets/), PERMAFROST_VIDEO_DEPS
# and PERMAFROST_VIDEO_DEFINITIONS, and defines permafrost_video_tests(), to be called once the
# library stands.
set(PERMAFROST_VIDEO_SOURCES
  video/class_folders.cpp video/clip_request.cpp video/cut_source.cpp video/file_check.cpp
  video/float_crop.cpp video/frame_folder.cpp video/frame_index.cpp video/manifest.cpp
  video/manifest_builder.cpp video/manifest_json.cpp video/packet_units.cpp video/sampling.cpp
  video/source.cpp video/tar_index.cpp video/tar_list.cpp video/transform.cpp)
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
  list(APPEND PERMAFROST_VIDEO_SOURCES video/clip_decoding.cpp video/codecs.cpp video/decoder.cpp
    video/file_decoding_check.cpp video/frame_reader.cpp video/frame_stream.cpp video/jpeg.cpp
    video/picture.cpp video/video_writer.cpp)
  list(APPEND PERMAFROST_VIDEO_DEPS PkgConfig::FFMPEG)
  list(APPEND PERMAFROST_VIDEO_DEFINITIONS PERMAFROST_FFMPEG=1)
else()
  list(APPEND PERMAFROST_VIDEO_SOURCES video/codecs_absent.cpp video/decoder_absent.cpp
    video/file_check_absent.cpp video/frame_stream_absent.cpp video/jpeg_absent.cpp
    video/video_writer_absent.cpp)
endif()

function(permafrost_video_tests)
  permafrost_test(video/float_crop DEPS permafrost_datasets LABELS unit)
  permafrost_test(video/frame_index DEPS permafrost_datasets LABELS unit)
  permafrost_test(video/packet_units DEPS permafrost_datasets LABELS unit)
  permafrost_test(video/manifest DEPS permafrost_datasets LABELS unit)
  permafrost_test(video/manifest_forms DEPS permafrost_datasets LABELS unit)
  permafrost_test(video/sampling DEPS permafrost_datasets LABELS unit)
  permafrost_test(video/tar_index DEPS permafrost_datasets LABELS unit)
  permafrost_test(video/transform DEPS permafrost_datasets LABELS unit)
  permafrost_test(video/sampling_parity DEPS permafrost_datasets LABELS parity)
  permafrost_test(video/transform_parity DEPS permafrost_datasets LABELS parity)
  if(PERMAFROST_FFMPEG)
    permafrost_test(video/decoder DEPS permafrost_datasets LABELS unit)
    permafrost_test(video/decoder_data DEPS permafrost_datasets LABELS data)
    permafrost_test(video/frame_folder DEPS permafrost_datasets LABELS unit)
    permafrost_test(video/video_writer DEPS permafrost_datasets LABELS unit)
  else()
    permafrost_test(video/decoder_absent DEPS permafrost_datasets LABELS unit)
  endif()
endfunction()
