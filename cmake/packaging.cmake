# What is installed, and the Debian package made of it. Two components:
#   program   what lies below one prefix, wherever that is: the tar, and most of the package
#   debian    what only a Debian system has: unit, settings, maintainer scripts
include(GNUInstallDirs)

install(TARGETS parley RUNTIME DESTINATION bin COMPONENT program)
# The server looks for these beside its binary's folder: ../share/parley.
install(DIRECTORY "${CMAKE_BINARY_DIR}/vocabulary" DESTINATION share/parley COMPONENT program
        FILES_MATCHING PATTERN "*.bpe")
install(DIRECTORY "${CMAKE_BINARY_DIR}/reading_page" DESTINATION share/parley COMPONENT program)
install(FILES deploy/monitoring/alerts.yml deploy/monitoring/dashboard.json
        DESTINATION share/parley/monitoring COMPONENT program)
install(FILES deploy/nginx/parley.conf deploy/caddy/Caddyfile deploy/parley.toml.example
        DESTINATION share/doc/parley/examples COMPONENT program)
install(FILES THIRD_PARTY_NOTICES docs/operations.md DESTINATION share/doc/parley COMPONENT program)

# The binary writes its own manual page and completions.
set(manual "${CMAKE_BINARY_DIR}/manual")
install(CODE "
  file(MAKE_DIRECTORY \"${manual}\")
  function(parley_prints file)
    execute_process(COMMAND \"$<TARGET_FILE:parley>\" \${ARGN} OUTPUT_FILE \"${manual}/\${file}\"
                    COMMAND_ERROR_IS_FATAL ANY)
  endfunction()
  parley_prints(parley.1 man)
  parley_prints(parley completion bash)
  parley_prints(_parley completion zsh)
  parley_prints(parley.fish completion fish)
  execute_process(COMMAND gzip -9nf \"${manual}/parley.1\" COMMAND_ERROR_IS_FATAL ANY)
" COMPONENT program)
install(FILES "${manual}/parley.1.gz" DESTINATION share/man/man1 COMPONENT program)
install(FILES "${manual}/parley" DESTINATION share/bash-completion/completions COMPONENT program)
install(FILES "${manual}/_parley" DESTINATION share/zsh/vendor-completions COMPONENT program)
install(FILES "${manual}/parley.fish" DESTINATION share/fish/vendor_completions.d COMPONENT program)

# -- Debian ----------------------------------------------------------------------------------------

set(debian "${CMAKE_SOURCE_DIR}/deploy/debian")
set(maintainer "The Parley maintainers <maintainers@parley.invalid>")
install(FILES "${debian}/parley.toml" DESTINATION /etc/parley COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES deploy/systemd/parley.service DESTINATION /lib/systemd/system
        COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES "${debian}/copyright" DESTINATION share/doc/parley COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES "${debian}/lintian-overrides" DESTINATION share/lintian/overrides RENAME parley
        COMPONENT debian EXCLUDE_FROM_ALL)
# SOURCE_DATE_EPOCH makes two packages of one commit the same.
install(CODE "
  string(TIMESTAMP day \"%a, %d %b %Y %H:%M:%S +0000\" UTC)
  file(WRITE \"${manual}/changelog\" \"parley (${PROJECT_VERSION}) bookworm; urgency=medium

  * What changed is in CHANGELOG.md of the source, and on the page of the
    release.

 -- ${maintainer}  \${day}
\")
  execute_process(COMMAND gzip -9nf \"${manual}/changelog\" COMMAND_ERROR_IS_FATAL ANY)
" COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES "${manual}/changelog.gz" DESTINATION share/doc/parley
        COMPONENT debian EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME parley)
set(CPACK_PACKAGE_CONTACT "${maintainer}")
set(CPACK_PACKAGE_VENDOR Parley)
set(CPACK_PACKAGE_DIRECTORY "${CMAKE_BINARY_DIR}/package")
set(CPACK_COMPONENTS_ALL program debian)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "caddy | nginx, prometheus")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "chat server for several users and many models")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "Accounts, conversations and API keys live in one program with one SQLite
file. Replies stream as server-sent events from OpenAI, Anthropic, Gemini,
Ollama and whatever speaks like them; a client that was cut off goes on at
the very byte where it stopped.")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${debian}/conffiles;${debian}/postinst;${debian}/prerm;${debian}/postrm")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
include(CPack)
