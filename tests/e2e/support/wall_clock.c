/* Preloaded into a service, moves its wall clock by CLOCK_OFFSET_SECONDS and leaves the steady one alone. libfaketime
   can't serve here: it allocates before it is ready, and our allocator asks for the time. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec* time) {
  const long result = syscall(SYS_clock_gettime, clock, time);
  const char* offset = getenv("CLOCK_OFFSET_SECONDS");
  if (result == 0 && clock == CLOCK_REALTIME && offset != NULL) time->tv_sec += atol(offset);
  return (int)result;
}
