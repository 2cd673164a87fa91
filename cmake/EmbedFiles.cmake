# Puts text files into the binary, so that it needs none beside it.
#
#   embed_files(OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/shipped_files.cc
#     HEADER app/shipped_files.h FUNCTION datasync::app::shipped_files
#     BASE ${CMAKE_SOURCE_DIR}/config PATTERNS *.yaml *.graphql *.lua)
#
# OUTPUT defines `std::span<const EmbeddedFile> FUNCTION()`, which HEADER declares: the files of BASE that match, by their
# path below it, sorted. The command is run again when a file changes, appears or goes.

function(embed_files)
  cmake_parse_arguments(E "" "OUTPUT;HEADER;FUNCTION;BASE" "PATTERNS" ${ARGN})
  list(TRANSFORM E_PATTERNS PREPEND "${E_BASE}/")
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${E_PATTERNS})
  list(SORT files)
  string(REPLACE ";" "," joined "${files}")  # a list would fall apart into arguments of the command
  add_custom_command(
    OUTPUT ${E_OUTPUT}
    COMMAND ${CMAKE_COMMAND} -D "OUTPUT=${E_OUTPUT}" -D "HEADER=${E_HEADER}" -D "FUNCTION=${E_FUNCTION}"
      -D "BASE=${E_BASE}" -D "FILES=${joined}" -P ${CMAKE_SOURCE_DIR}/cmake/EmbedFiles.cmake
    DEPENDS ${files} ${CMAKE_SOURCE_DIR}/cmake/EmbedFiles.cmake
    COMMENT "Embedding ${E_BASE}"
    VERBATIM)
endfunction()

if(NOT CMAKE_SCRIPT_MODE_FILE OR NOT DEFINED OUTPUT)
  return()
endif()

# Run by the command above. Every file becomes a raw string literal.
string(REGEX REPLACE "::[^:]*$" "" space "${FUNCTION}")
string(REGEX REPLACE "^.*::" "" name "${FUNCTION}")
string(REPLACE "," ";" FILES "${FILES}")
set(entries "")
foreach(file IN LISTS FILES)
  file(RELATIVE_PATH path ${BASE} ${file})
  file(READ ${file} text)
  string(FIND "${text}" ")__embedded__\"" clash)
  if(NOT clash EQUAL -1)
    message(FATAL_ERROR "${file} holds the mark that ends an embedded file")
  endif()
  string(APPEND entries "    {\"${path}\", R\"__embedded__(${text})__embedded__\"},\n")
endforeach()
file(WRITE ${OUTPUT} "// Made from ${name} by cmake/EmbedFiles.cmake; edit the files themselves.
#include \"${HEADER}\"

namespace ${space} {

std::span<const EmbeddedFile> ${name}() {
  static constexpr EmbeddedFile kFiles[] = {
${entries}  };
  return kFiles;
}

}  // namespace ${space}
")
