# parley_library(folder LINKS ... [EXCLUDE file...] [TABLES]): the static library of one folder, alias parley::folder.
# Libraries share two precompiled headers, that of CAF (3-6 s a file without it) and, with TABLES,
# that of CAF and the message tables (another 5-8 s).
foreach(kind precompiled precompiled_tables)
  add_library(parley_${kind} OBJECT "${CMAKE_SOURCE_DIR}/cmake/${kind}.cpp")
  target_link_libraries(parley_${kind} PRIVATE parley_flags caf17::core)
  target_precompile_headers(parley_${kind} PRIVATE "${CMAKE_SOURCE_DIR}/cmake/${kind}.hpp")
endforeach()

function(parley_precompile target)
  cmake_parse_arguments(arg "TABLES" "" "" ${ARGN})
  if(arg_TABLES)
    target_precompile_headers(${target} REUSE_FROM parley_precompiled_tables)
  else()
    target_precompile_headers(${target} REUSE_FROM parley_precompiled)
  endif()
endfunction()

function(parley_library folder)
  cmake_parse_arguments(arg "TABLES" "" "LINKS;EXCLUDE" ${ARGN})
  string(REPLACE "/" "_" name "${folder}")
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${folder}/*.cpp" "${CMAKE_SOURCE_DIR}/${folder}/routes/*.cpp"
       "${CMAKE_SOURCE_DIR}/${folder}/tables/*.cpp")
  foreach(file ${arg_EXCLUDE})
    list(REMOVE_ITEM sources "${CMAKE_SOURCE_DIR}/${folder}/${file}")
  endforeach()
  if(sources)
    add_library(parley_${name} STATIC ${sources})
    target_link_libraries(parley_${name} PUBLIC ${arg_LINKS} PRIVATE parley_flags)
    if(arg_TABLES)
      parley_precompile(parley_${name} TABLES)
    else()
      parley_precompile(parley_${name})
    endif()
    # The release reads the messages' templates once for several files instead of once for each; not
    # in providers, where each dialect has its own functions of the same names.
    if(PARLEY_UNITY AND arg_TABLES AND NOT folder STREQUAL "providers")
      set_target_properties(parley_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 7)
    endif()
    # It makes what the folder's other files leave out; it must not take the headers from elsewhere.
    set_source_files_properties("${CMAKE_SOURCE_DIR}/${folder}/inspectors.cpp" PROPERTIES
      COMPILE_OPTIONS "$<IF:$<CONFIG:Release>,-Os,-O0>;-g0;-fno-sanitize=all" SKIP_PRECOMPILE_HEADERS ON)
  else()
    add_library(parley_${name} INTERFACE)
    target_link_libraries(parley_${name} INTERFACE ${arg_LINKS})
  endif()
  add_library(parley::${name} ALIAS parley_${name})
endfunction()

# parley_embed_sql(folder): adds the migrations of schema/sqlite/ to a folder's library.
function(parley_embed_sql folder)
  file(GLOB migrations CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/schema/sqlite/*.sql")
  list(SORT migrations)
  list(JOIN migrations "," joined)
  set(output "${CMAKE_BINARY_DIR}/generated/migrations.cpp")
  add_custom_command(OUTPUT "${output}" VERBATIM
    COMMAND "${CMAKE_COMMAND}" "-DOUTPUT=${output}" "-DFILES=${joined}" -P "${CMAKE_SOURCE_DIR}/cmake/embed_sql.cmake"
    DEPENDS ${migrations} "${CMAKE_SOURCE_DIR}/cmake/embed_sql.cmake")
  target_sources(parley_${folder} PRIVATE "${output}")
endfunction()

# parley_embed_openapi(folder): adds the contract, as JSON, to a folder's library.
function(parley_embed_openapi folder)
  # Another Python first in PATH may lack Debian's python3-yaml.
  function(parley_has_yaml result program)
    execute_process(COMMAND "${program}" -c "import yaml" RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
    if(NOT status EQUAL 0)
      set(${result} FALSE PARENT_SCOPE)
    endif()
  endfunction()
  find_program(PYTHON_WITH_YAML NAMES python3 PATHS /usr/bin VALIDATOR parley_has_yaml REQUIRED
               DOC "Python 3 that has yaml (Debian: python3-yaml)")
  set(contract "${CMAKE_SOURCE_DIR}/schema/openapi.yaml")
  set(script "${CMAKE_SOURCE_DIR}/cmake/embed_openapi.py")
  set(generated "${CMAKE_BINARY_DIR}/generated")
  file(MAKE_DIRECTORY "${generated}")
  add_custom_command(OUTPUT "${generated}/openapi.cpp" "${generated}/openapi.json" VERBATIM
    COMMAND "${PYTHON_WITH_YAML}" "${script}" "${contract}" "${generated}/openapi.json" "${generated}/openapi.cpp"
    DEPENDS "${contract}" "${script}")
  target_sources(parley_${folder} PRIVATE "${generated}/openapi.cpp")
  set_source_files_properties("${generated}/openapi.cpp" PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
endfunction()

# parley_embed_catalogue(folder): adds providers/catalogue.toml to a folder's library.
function(parley_embed_catalogue folder)
  set(source "${CMAKE_SOURCE_DIR}/providers/catalogue.toml")
  set(output "${CMAKE_BINARY_DIR}/generated/catalogue_text.cpp")
  add_custom_command(OUTPUT "${output}" VERBATIM
    COMMAND "${CMAKE_COMMAND}" "-DOUTPUT=${output}" "-DFILE=${source}" -P "${CMAKE_SOURCE_DIR}/cmake/embed_catalogue.cmake"
    DEPENDS "${source}" "${CMAKE_SOURCE_DIR}/cmake/embed_catalogue.cmake")
  target_sources(parley_${folder} PRIVATE "${output}")
endfunction()
