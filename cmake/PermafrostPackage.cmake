# SPDX-License-Identifier: Apache-2.0
# What `cpack` makes of a build with PERMAFROST_FFMPEG_AT_RUN_TIME: a .deb and a .tar.xz that can be
# unpacked anywhere. See scripts/package. The program lies beside its files in lib/permafrost;
# bin/permafrost is a script that brings LibTorch into the user's cache and starts it.
set(home lib/permafrost)
permafrost_install_program(${home} package)
install(PROGRAMS scripts/lib/launcher RENAME permafrost DESTINATION bin COMPONENT package)
install(FILES scripts/lib/common.sh scripts/lib/libtorch.sh scripts/lib/wheel.sh
  DESTINATION ${home}/launcher COMPONENT package)
install(FILES LICENSE README.md CHANGELOG.md DESTINATION share/doc/permafrost COMPONENT package)

set(CPACK_PACKAGE_NAME permafrost)
set(CPACK_PACKAGE_VENDOR "The Permafrost authors")
set(CPACK_PACKAGE_CONTACT "The Permafrost authors <permafrost@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY
  "Frozen evaluation and probing of self-supervised video encoders")
set(CPACK_PACKAGE_FILE_NAME permafrost-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_GENERATOR DEB TXZ)
set(CPACK_STRIP_FILES ON)
set(CPACK_THREADS 0)
set(CPACK_INSTALL_CMAKE_PROJECTS ${CMAKE_BINARY_DIR} permafrost package /)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
# By hand: dpkg-shlibdeps does not know LibTorch. The rest is for the script that fetches it.
set(CPACK_DEBIAN_PACKAGE_DEPENDS
  "libc6 (>= 2.36), libstdc++6 (>= 12), libssl3, libpng16-16, zlib1g, liblzma5, bash, ca-certificates, curl, unzip, util-linux")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS
  "libavformat${FFMPEG_libavformat_MAJOR}, libswscale${FFMPEG_libswscale_MAJOR}")
include(CPack)
