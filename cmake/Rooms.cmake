# A room is one folder of src/. It stands on a floor and may use only rooms on lower floors.
#
#   datasync_room(NAME net FLOOR 2 ROOMS base domain SOURCES http_server.cc LIBRARIES Boost::headers)
#
# The law is enforced twice: a link to a room on the same or a higher floor stops the configure step here, and
# check_rooms() reads every #include of every room and stops at one that the room did not declare.
#
# Some presets compile several files of a room as one (CMAKE_UNITY_BUILD): most of a file's time goes into the headers and
# templates that its neighbours use too. ALONE names the files, of code and of tests, whose names in unnamed namespaces are
# also a neighbour's.

set_property(GLOBAL PROPERTY DATASYNC_ROOMS "")

function(datasync_room)
  cmake_parse_arguments(R "" "NAME;FLOOR" "ROOMS;SOURCES;ALONE;LIBRARIES" ${ARGN})
  foreach(lower ${R_ROOMS})
    get_property(floor GLOBAL PROPERTY DATASYNC_FLOOR_${lower})
    if("${floor}" STREQUAL "")
      message(FATAL_ERROR "room '${R_NAME}' uses '${lower}', which is no room yet: list lower floors first in src/CMakeLists.txt")
    endif()
    if(NOT floor LESS R_FLOOR)
      message(FATAL_ERROR "room '${R_NAME}' (floor ${R_FLOOR}) must not use '${lower}' (floor ${floor}): only lower floors")
    endif()
  endforeach()
  set_property(GLOBAL APPEND PROPERTY DATASYNC_ROOMS ${R_NAME})
  set_property(GLOBAL PROPERTY DATASYNC_FLOOR_${R_NAME} ${R_FLOOR})
  set_property(GLOBAL PROPERTY DATASYNC_USES_${R_NAME} "${R_ROOMS}")

  set(target datasync_${R_NAME})
  if(R_SOURCES)
    add_library(${target} STATIC ${R_SOURCES})
    set(scope PUBLIC)
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${target} ${scope} ${CMAKE_SOURCE_DIR}/src)
  list(TRANSFORM R_ROOMS PREPEND datasync_)
  target_link_libraries(${target} ${scope} ${R_ROOMS} ${R_LIBRARIES})
  foreach(file ${R_ALONE})
    if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${file})
      message(FATAL_ERROR "room '${R_NAME}' has no ${file} that could be compiled alone")
    endif()
  endforeach()
  set_source_files_properties(${R_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# Unit tests of one room: every *_test.cc beside the code, one binary a room. Further arguments are libraries. WITH names
# commands that run the binary beside what its tests need.
function(datasync_room_tests room)
  cmake_parse_arguments(T "" "" "WITH" ${ARGN})
  if(NOT DATASYNC_TESTS)
    return()
  endif()
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cc)
  if(NOT tests)
    return()
  endif()
  add_executable(${room}_test ${tests})
  target_link_libraries(${room}_test PRIVATE datasync_${room} ${T_UNPARSED_ARGUMENTS} GTest::gmock GTest::gtest_main)
  add_test(NAME unit.${room} COMMAND ${T_WITH} $<TARGET_FILE:${room}_test>)
  set_tests_properties(unit.${room} PROPERTIES TIMEOUT 300)
endfunction()

# Reads the includes of every room. `*_test.cc` may also use what their room uses, nothing more.
function(check_rooms)
  get_property(rooms GLOBAL PROPERTY DATASYNC_ROOMS)
  foreach(room ${rooms})
    get_property(uses GLOBAL PROPERTY DATASYNC_USES_${room})
    file(GLOB_RECURSE files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${room}/*.h ${CMAKE_SOURCE_DIR}/src/${room}/*.cc)
    foreach(file ${files})
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
      file(STRINGS ${file} includes REGEX "^#include \"[a-z_]+/")
      foreach(line ${includes})
        string(REGEX REPLACE "^#include \"([a-z_]+)/.*" "\\1" other "${line}")
        if(NOT other STREQUAL room AND NOT other IN_LIST uses)
          message(FATAL_ERROR "${file}: ${line}\n  room '${room}' does not declare '${other}' (it uses: ${uses})")
        endif()
      endforeach()
    endforeach()
  endforeach()
endfunction()
