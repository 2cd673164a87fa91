# Warnings, sanitizers, compiler cache and linker: the same for every target of the project.

option(DATASYNC_TESTS "Build the tests" ON)
option(DATASYNC_BENCH "Build the benchmarks" ON)
option(DATASYNC_JEMALLOC "Allocate by jemalloc" ON)
option(DATASYNC_FUZZ "Build the fuzz targets and what they need, nothing else; needs clang" OFF)
set(DATASYNC_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them: address,undefined or thread")

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-fno-omit-frame-pointer)
if(DATASYNC_FUZZ)
  # Every room counts its branches for libFuzzer. Warnings are g++'s to give: clang has others, and one judge is enough.
  add_compile_options(-fsanitize=fuzzer-no-link -w)
else()
  add_compile_options(
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual -Werror)
endif()
# Of files that are compiled as one the compiler takes all for headers, and there it warns of a type that hides in one of them.
if(CMAKE_UNITY_BUILD)
  add_compile_options(-Wno-subobject-linkage)
endif()
if(DATASYNC_SANITIZE)
  add_compile_options(-fsanitize=${DATASYNC_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${DATASYNC_SANITIZE})
endif()
