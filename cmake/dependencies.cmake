# Everything comes from Debian 12 packages. Debian's CAF has neither a CMake config nor a .pc file.
find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(PkgConfig REQUIRED)

find_path(CAF_INCLUDE_DIR caf/all.hpp REQUIRED)
file(STRINGS "${CAF_INCLUDE_DIR}/caf/config.hpp" caf_version_line REGEX "#define CAF_VERSION ")
if(NOT caf_version_line MATCHES "1706")
  message(FATAL_ERROR "Parley needs CAF 0.17.6 (Debian 12: libcaf-dev), found '${caf_version_line}'")
endif()
foreach(part core io openssl)
  find_library(CAF_${part}_LIBRARY caf_${part} REQUIRED)
  add_library(caf17::${part} UNKNOWN IMPORTED)
  set_target_properties(caf17::${part} PROPERTIES
    IMPORTED_LOCATION "${CAF_${part}_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${CAF_INCLUDE_DIR}")
endforeach()
set_property(TARGET caf17::core    PROPERTY INTERFACE_LINK_LIBRARIES Threads::Threads)
set_property(TARGET caf17::io      PROPERTY INTERFACE_LINK_LIBRARIES caf17::core)
set_property(TARGET caf17::openssl PROPERTY INTERFACE_LINK_LIBRARIES "caf17::io;OpenSSL::SSL;OpenSSL::Crypto")

foreach(module libcrypt simdjson spdlog tomlplusplus sqlite3 libcurl)
  pkg_check_modules(${module} REQUIRED IMPORTED_TARGET ${module})
endforeach()
pkg_check_modules(cpphttplib REQUIRED IMPORTED_TARGET cpp-httplib)
find_path(CLI11_INCLUDE_DIR CLI/CLI.hpp REQUIRED)
find_package(date REQUIRED)  # libhowardhinnant-date-dev: g++ 12 has no time zones

# Statically: its shared library needs libxml2 and with it ICU, 38 MB that zips have no use for.
find_path(ARCHIVE_INCLUDE_DIR archive.h REQUIRED)
find_library(ARCHIVE_LIBRARY libarchive.a REQUIRED)
add_library(archive STATIC IMPORTED)
set_target_properties(archive PROPERTIES
  IMPORTED_LOCATION "${ARCHIVE_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${ARCHIVE_INCLUDE_DIR}")
foreach(part bz2 lzma nettle z zstd)
  find_library(ARCHIVE_${part}_LIBRARY ${part} REQUIRED)
  set_property(TARGET archive APPEND PROPERTY INTERFACE_LINK_LIBRARIES "${ARCHIVE_${part}_LIBRARY}")
endforeach()
# Its other formats, which need libxml2, come along with what they share with zips: nobody calls them.
target_link_options(archive INTERFACE -Wl,--gc-sections)
