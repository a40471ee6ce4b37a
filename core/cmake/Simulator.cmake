# The simulator: the engine as it is, with the machine below it replaced when it is linked.
# GNU ld and lld know --wrap; where neither is there, there is no simulator.
if(APPLE OR WIN32 OR WEBHOOK_SANITIZE MATCHES "thread")
  return()
endif()

file(GLOB sim_sources CONFIGURE_DEPENDS core/tests/sim/*.c)
add_executable(sim ${sim_sources})
target_include_directories(sim PRIVATE core/tests/sim core/src)
target_link_libraries(sim PRIVATE webhook_static)
foreach(symbol
    pthread_create pthread_join pthread_self pthread_once pthread_detach pthread_atfork
    pthread_mutex_init pthread_mutex_destroy pthread_mutex_lock pthread_mutex_trylock pthread_mutex_timedlock
    pthread_mutex_unlock
    pthread_cond_init pthread_cond_destroy pthread_cond_wait pthread_cond_timedwait pthread_cond_clockwait
    pthread_cond_signal pthread_cond_broadcast
    pthread_rwlock_init pthread_rwlock_destroy pthread_rwlock_rdlock pthread_rwlock_wrlock
    pthread_rwlock_tryrdlock pthread_rwlock_trywrlock pthread_rwlock_unlock
    clock_gettime nanosleep clock_nanosleep usleep time gettimeofday sched_yield getrandom RAND_bytes getpid
    malloc calloc realloc free
    whi_poller_new whi_poller_free whi_poller_fd whi_poller_watch whi_poller_wait whi_poller_wake)
  target_link_options(sim PRIVATE -Wl,--wrap=${symbol})
endforeach()
add_test(NAME sim_self COMMAND sim --self)
set_tests_properties(sim_self PROPERTIES TIMEOUT 300)
if(NOT WEBHOOK_SANITIZE)
  add_test(NAME sim COMMAND sim --seeds 1..2000 --jobs 2)
  set_tests_properties(sim PROPERTIES TIMEOUT 600 LABELS slow PROCESSORS 2)
else()
  add_test(NAME sim COMMAND sim --seeds 1..200 --jobs 2)
  set_tests_properties(sim PROPERTIES TIMEOUT 600 LABELS slow PROCESSORS 2)
endif()
