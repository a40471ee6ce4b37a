# One program for each core/fuzz/fuzz_*.c; the target `fuzz` builds them all. As a test each
# replays its corpus and then looks further for a few seconds; what it finds stays in the build.
# Tests look from one seed, so that a change is judged by itself; who searches takes 0, another each time.
set(WEBHOOK_FUZZ_SECONDS 5 CACHE STRING "How long each fuzz target runs as a test")
set(WEBHOOK_FUZZ_SEED 1 CACHE STRING "Where it begins to look; 0: somewhere else each time")
if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR " webhook: the fuzz targets need clang: configure with -DCMAKE_C_COMPILER=clang")
endif()
file(GLOB fuzz_sources CONFIGURE_DEPENDS core/fuzz/fuzz_*.c)
if(NOT WEBHOOK_LUA)
  list(FILTER fuzz_sources EXCLUDE REGEX "fuzz_rule")
endif()
set(fuzz_flags -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g -O1)

# What is under test is compiled apart, with coverage for the fuzzer.
add_library(webhook_fuzz OBJECT EXCLUDE_FROM_ALL ${core_sources} ${rule_sources})
target_include_directories(webhook_fuzz PUBLIC core/include core/src lua/rule core/fuzz)
target_compile_options(webhook_fuzz PUBLIC ${fuzz_flags} PRIVATE -fsanitize=fuzzer-no-link)
target_link_libraries(webhook_fuzz PUBLIC ${core_libraries} $<TARGET_NAME_IF_EXISTS:webhook_dep::lua> m)

add_custom_target(fuzz)
foreach(source ${fuzz_sources})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} EXCLUDE_FROM_ALL ${source})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer,address,undefined)
  target_link_libraries(${name} PRIVATE webhook_fuzz)
  add_dependencies(fuzz ${name})
  string(REPLACE "fuzz_" "" corpus ${name})
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/found/${corpus})
  add_test(NAME ${name} COMMAND ${name} -max_total_time=${WEBHOOK_FUZZ_SECONDS} -seed=${WEBHOOK_FUZZ_SEED} -rss_limit_mb=4096
           -artifact_prefix=${PROJECT_BINARY_DIR}/found/${corpus}- ${PROJECT_BINARY_DIR}/found/${corpus}
           ${PROJECT_SOURCE_DIR}/core/fuzz/corpus/${corpus})
  math(EXPR most "${WEBHOOK_FUZZ_SECONDS} + 115")
  set_tests_properties(${name} PROPERTIES TIMEOUT ${most})
endforeach()
