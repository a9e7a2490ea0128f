#include "CDNNL.h"

// The entry points of GCC's OpenMP runtime, which oneDNN runs on; the compiler at hand has no OpenMP of its own.
void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
int omp_get_max_threads(void);

// The runtime is not built for the thread sanitizer, which has to be told what its barriers order.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define ACQUIRE(address) __tsan_acquire(address)
#define RELEASE(address) __tsan_release(address)
#endif
#endif
#ifndef ACQUIRE
#define ACQUIRE(address)
#define RELEASE(address)
#endif

struct work {
  long parts;
  void (*body)(void *, long);
  void *context;
};

static void run(void *data) {
  struct work *work = data;
  ACQUIRE(work);
  // Inside another parallel region there is one thread, which does all parts.
  for (long part = omp_get_thread_num(); part < work->parts; part += omp_get_num_threads())
    work->body(work->context, part);
  RELEASE(work);
}

void ndnnl_parallel(long parts, void (*body)(void *context, long part), void *context) {
  struct work work = {parts, body, context};
  RELEASE(&work);
  GOMP_parallel(run, &work, (unsigned)parts, 0);
  ACQUIRE(&work);
}

int ndnnl_thread_count(void) { return omp_get_max_threads(); }
