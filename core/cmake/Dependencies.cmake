# What we link to: pkg-config is asked first, find_package second. What neither knows is
# gathered, and one line says what to install. The installed package reads this file too,
# for programs that link the static libraries.
find_package(PkgConfig QUIET)
foreach(column what apt dnf apk brew)
  set_property(GLOBAL PROPERTY webhook_missing_${column} "")
endforeach()

function(webhook_missing) # what apt dnf apk brew
  foreach(column what apt dnf apk brew)
    list(POP_FRONT ARGV word)
    set_property(GLOBAL APPEND PROPERTY webhook_missing_${column} ${word})
  endforeach()
endfunction()

# webhook_dependency(NAME WHAT words MODULES pkg-config modules PACKAGE find_package's words
#                    TARGETS what that package gives APT DNF APK BREW package names
#                    WITHOUT what there is not if it is missing: for one that may be)
# gives the target webhook_dep::NAME.
function(webhook_dependency name)
  cmake_parse_arguments(PARSE_ARGV 1 need "" "WHAT;APT;DNF;APK;BREW;WITHOUT" "MODULES;PACKAGE;TARGETS")
  if(TARGET webhook_dep::${name})
    return()
  endif()
  if(PkgConfig_FOUND)
    pkg_check_modules(webhook_${name} QUIET IMPORTED_TARGET ${need_MODULES})
  endif()
  # Debian's other flavours of libcurl hide behind the same name.
  if(webhook_${name}_FOUND AND NOT "${webhook_${name}_LIBRARIES}" MATCHES "-(gnutls|nss)")
    set(libraries PkgConfig::webhook_${name})
  else()
    find_package(${need_PACKAGE} QUIET)
    list(GET need_TARGETS 0 first)
    if(TARGET ${first})
      set(libraries ${need_TARGETS})
    endif()
  endif()
  if(NOT libraries AND need_WITHOUT)
    message(STATUS "Without ${need_WHAT} there is no ${need_WITHOUT}: apt-get install ${need_APT} | dnf install ${need_DNF} | apk add ${need_APK} | brew install ${need_BREW}")
    return()
  endif()
  if(NOT libraries)
    webhook_missing("${need_WHAT}" ${need_APT} ${need_DNF} ${need_APK} ${need_BREW})
    return()
  endif()
  add_library(webhook_dep::${name} INTERFACE IMPORTED)
  target_link_libraries(webhook_dep::${name} INTERFACE ${libraries})
endfunction()

# The leading space keeps CMake from breaking the line.
function(webhook_say_missing level)
  foreach(column what apt dnf apk brew)
    get_property(${column} GLOBAL PROPERTY webhook_missing_${column})
    set(between " ")
    if(column STREQUAL "what")
      set(between ", ")
    endif()
    list(JOIN ${column} "${between}" ${column})
  endforeach()
  message(${level} " webhook: missing ${what}: apt-get install ${apt} | dnf install ${dnf} | apk add ${apk} | brew install ${brew}")
endfunction()

webhook_dependency(curl WHAT "libcurl 7.85 with OpenSSL" MODULES libcurl>=7.85 PACKAGE CURL 7.85 TARGETS CURL::libcurl
                   APT libcurl4-openssl-dev DNF libcurl-devel APK curl-dev BREW curl)
webhook_dependency(zlib WHAT "zlib" MODULES zlib PACKAGE ZLIB TARGETS ZLIB::ZLIB APT zlib1g-dev DNF zlib-devel
                   APK zlib-dev BREW zlib)
webhook_dependency(ssl WHAT "OpenSSL 3.0" MODULES libssl>=3.0 libcrypto>=3.0 PACKAGE OpenSSL 3.0
                   TARGETS OpenSSL::SSL OpenSSL::Crypto APT libssl-dev DNF openssl-devel APK openssl-dev BREW openssl@3)
webhook_dependency(sqlite WHAT "SQLite 3.35" MODULES sqlite3>=3.35 PACKAGE SQLite3 3.35 TARGETS SQLite::SQLite3
                   APT libsqlite3-dev DNF sqlite-devel APK sqlite-dev BREW sqlite)
if(WEBHOOK_TESTS)
  webhook_dependency(cmocka WHAT "cmocka (for the tests)" MODULES cmocka PACKAGE cmocka CONFIG TARGETS cmocka::cmocka
                     APT libcmocka-dev DNF libcmocka-devel APK cmocka-dev BREW cmocka)
endif()
if(NOT WEBHOOK_HTTP STREQUAL "OFF")
  set(without "")
  if(WEBHOOK_HTTP STREQUAL "AUTO")
    set(without WITHOUT "libwebhook_http, hooks:serve or `webhook serve`")
  endif()
  webhook_dependency(http WHAT "libmicrohttpd 0.9.71" MODULES libmicrohttpd>=0.9.71 PACKAGE libmicrohttpd 0.9.71
                     TARGETS libmicrohttpd::libmicrohttpd APT libmicrohttpd-dev DNF libmicrohttpd-devel
                     APK libmicrohttpd-dev BREW libmicrohttpd ${without})
endif()
# Clients of databases that objects can be written to: each may be missing.
function(webhook_client name built)
  if(NOT built STREQUAL "OFF")
    if(NOT built STREQUAL "AUTO")
      list(REMOVE_AT ARGN 0 1)
    endif()
    webhook_dependency(${name} ${ARGN})
  endif()
endfunction()
webhook_client(postgres "${WEBHOOK_POSTGRES}" WITHOUT "destination in PostgreSQL" WHAT "libpq 14" MODULES libpq>=14
               PACKAGE PostgreSQL 14 TARGETS PostgreSQL::PostgreSQL APT libpq-dev DNF libpq-devel APK libpq-dev BREW libpq)
webhook_client(mariadb "${WEBHOOK_MARIADB}" WITHOUT "destination in MariaDB or MySQL" WHAT "MariaDB Connector/C 3.1" MODULES libmariadb>=3.1
               PACKAGE MariaDB 3.1 TARGETS MariaDB::MariaDB APT libmariadb-dev DNF mariadb-connector-c-devel
               APK mariadb-connector-c-dev BREW mariadb-connector-c)
# And of queues.
webhook_client(redis "${WEBHOOK_REDIS}" WITHOUT "destination in Redis" WHAT "hiredis 0.14" MODULES hiredis>=0.14
               PACKAGE hiredis 0.14 TARGETS hiredis::hiredis APT libhiredis-dev DNF hiredis-devel APK hiredis-dev BREW hiredis)
webhook_client(rabbitmq "${WEBHOOK_RABBITMQ}" WITHOUT "destination in RabbitMQ" WHAT "librabbitmq 0.11" MODULES librabbitmq>=0.11
               PACKAGE rabbitmq-c 0.11 TARGETS rabbitmq::rabbitmq APT librabbitmq-dev DNF librabbitmq-devel
               APK rabbitmq-c-dev BREW rabbitmq-c)
webhook_client(kafka "${WEBHOOK_KAFKA}" WITHOUT "destination in Kafka" WHAT "librdkafka 2.0" MODULES rdkafka>=2.0
               PACKAGE RdKafka 2.0 TARGETS RdKafka::rdkafka APT librdkafka-dev DNF librdkafka-devel
               APK librdkafka-dev BREW librdkafka)
# NATS is spoken by ourselves: its client is what tests read by, and what is measured against.
if(WEBHOOK_TESTS OR WEBHOOK_BENCH)
  webhook_dependency(nats WITHOUT "test with a server of NATS" WHAT "the client of NATS 3.3" MODULES libnats>=3.3
                     PACKAGE cnats 3.3 TARGETS cnats::nats APT libnats-dev DNF cnats-devel APK nats.c-dev BREW cnats)
endif()
if(WEBHOOK_LUA)
  include(${CMAKE_CURRENT_LIST_DIR}/Lua.cmake)
endif()
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

# A program that links the shared library alone needs none of them.
get_property(anything GLOBAL PROPERTY webhook_missing_what)
if(anything AND CMAKE_FIND_PACKAGE_NAME)
  if(NOT ${CMAKE_FIND_PACKAGE_NAME}_FIND_QUIETLY)
    webhook_say_missing(STATUS)
  endif()
elseif(anything)
  webhook_say_missing(FATAL_ERROR)
endif()
