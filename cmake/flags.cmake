# Flags of our own code; imported libraries stay SYSTEM.
add_library(parley_flags INTERFACE)
add_library(parley::flags ALIAS parley_flags)
target_include_directories(parley_flags INTERFACE "${CMAKE_SOURCE_DIR}" "${CMAKE_BINARY_DIR}/generated")
target_compile_options(parley_flags INTERFACE -Wall -Wextra -Wpedantic)
target_compile_definitions(parley_flags INTERFACE PARLEY_VERSION="${PROJECT_VERSION}")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Debian's CAF 0.17 headers set off the first inside inlined code, where SYSTEM does not help. g++ 12
  # sees the others in `"text" + string` and in strings that move, when it optimises (its bugs 105329
  # and 105651); clang and asan watch them.
  target_compile_options(parley_flags INTERFACE
    -Wno-maybe-uninitialized -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
endif()
if(PARLEY_WERROR)
  target_compile_options(parley_flags INTERFACE -Werror)
endif()

if(PARLEY_SANITIZE)
  string(REPLACE "," ";" sanitizers "${PARLEY_SANITIZE}")
  # CAF's spawn code binds null references for functors without arguments: -fno-sanitize=null.
  set(sanitize -fsanitize=${PARLEY_SANITIZE} -fno-omit-frame-pointer)
  if("undefined" IN_LIST sanitizers)
    list(APPEND sanitize -fno-sanitize=null -fno-sanitize-recover=undefined)
  endif()
  target_compile_options(parley_flags INTERFACE ${sanitize})
  target_link_options(parley_flags INTERFACE ${sanitize})
endif()
if(PARLEY_FUZZ)
  # Our libraries tell the fuzzer which paths an input took.
  target_compile_options(parley_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
