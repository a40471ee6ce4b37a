# C tests (cmocka), one program a module; scripts that install, build and compare.
set(data_definition WEBHOOK_TEST_DATA="${PROJECT_SOURCE_DIR}/core/tests/data")

file(GLOB test_helpers CONFIGURE_DEPENDS core/tests/*.c)
file(GLOB test_sources CONFIGURE_DEPENDS core/tests/test_*.c)
list(REMOVE_ITEM test_helpers ${test_sources})
add_library(webhook_testing STATIC ${test_helpers})
target_include_directories(webhook_testing PUBLIC core/tests core/src)
target_link_libraries(webhook_testing PUBLIC webhook_static webhook_dep::cmocka)

# These start threads: the thread sanitizer is worth its while.
set(threaded_tests test_engine test_engine_real test_transport test_poller test_store test_store_file test_writer)

function(webhook_test source)
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_compile_definitions(${name} PRIVATE ${data_definition})
  target_link_libraries(${name} PRIVATE webhook_testing ${ARGN})
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300)
  if(name IN_LIST threaded_tests)
    set_tests_properties(${name} PROPERTIES LABELS threads)
  endif()
endfunction()

foreach(source ${test_sources})
  webhook_test(${source})
endforeach()

if(WEBHOOK_LUA)
  file(GLOB rule_tests CONFIGURE_DEPENDS lua/rule/tests/test_*.c)
  foreach(source ${rule_tests})
    webhook_test(${source} webhook_rule)
  endforeach()

  add_executable(crash core/tests/crash/crash.c core/tests/crash/receive.c)
  target_link_libraries(crash PRIVATE webhook_rule)
  add_test(NAME crash COMMAND crash --kills 50)
  set_tests_properties(crash PROPERTIES TIMEOUT 240 LABELS slow)
endif()

add_executable(interop_sign core/tests/interop/interop_sign.c)
target_link_libraries(interop_sign PRIVATE webhook_static)

# What follows runs once, on the plain build.
if(NOT WEBHOOK_SANITIZE)
  add_test(NAME structure COMMAND ${PROJECT_SOURCE_DIR}/core/tests/structure.sh ${PROJECT_SOURCE_DIR})
  add_test(NAME interop COMMAND ${PROJECT_SOURCE_DIR}/core/tests/interop/run.sh $<TARGET_FILE:interop_sign>
           ${PROJECT_BINARY_DIR}/interop)
  add_test(NAME install COMMAND ${PROJECT_SOURCE_DIR}/core/tests/install/run.sh ${PROJECT_BINARY_DIR})
  add_test(NAME missing COMMAND ${PROJECT_SOURCE_DIR}/core/tests/install/missing.sh ${PROJECT_SOURCE_DIR})
  set_tests_properties(interop install missing PROPERTIES TIMEOUT 300)
  if(WEBHOOK_LUA)
    add_test(NAME real COMMAND ${PROJECT_SOURCE_DIR}/spec/real/run.sh ${PROJECT_BINARY_DIR})
    add_test(NAME rock COMMAND ${PROJECT_SOURCE_DIR}/spec/rock.sh ${PROJECT_BINARY_DIR})
    add_test(NAME quickstart COMMAND ${PROJECT_SOURCE_DIR}/spec/quickstart.sh ${PROJECT_BINARY_DIR})
    set_tests_properties(real rock quickstart PROPERTIES TIMEOUT 300)
  endif()
endif()
if(WEBHOOK_LUA AND NOT WEBHOOK_SANITIZE STREQUAL "thread")
  file(GLOB specs CONFIGURE_DEPENDS spec/*_spec.lua)
  foreach(spec ${specs})
    get_filename_component(name ${spec} NAME_WE)
    add_test(NAME ${name} COMMAND ${PROJECT_SOURCE_DIR}/spec/busted ${PROJECT_BINARY_DIR} ${spec}
             WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES TIMEOUT 300 ENVIRONMENT "WEBHOOK_SANITIZE=${WEBHOOK_SANITIZE}")
  endforeach()
endif()
