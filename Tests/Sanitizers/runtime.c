// Tells the thread sanitizer of two places where Swift's libraries, which are not instrumented, order threads and say nothing.
// Preloaded by tools/sanitize into thread-sanitized processes on Linux, and part of nothing else. Nothing is hidden: each
// annotation states an order that holds, at the address at which both sides meet; accesses that it does not order are reported
// as before. SanitizerTests has both orders, which must be silent, and races beside them, which must not.
//
// 1. The slow half of Mutex. An uncontended lock is taken and given by an atomic exchange in our own, instrumented code. Where
//    threads contend, the library asks the kernel: the sanitizer sees neither that the one thread has given the lock nor that
//    the other has it now, and calls everything under the lock a race. Here the same calls are passed on, with an acquire
//    behind the lock and a release before the unlock, at the address at which the fast half does its exchange.
//
// 2. A continuation that is resumed before its task awaits it. Resuming states a release at the task; a task that is put in a
//    queue and begun anew states the acquire, but one that finds itself resumed already goes on at once and states none: then
//    all that the resumer did seems to race with the task. Here the acquire is stated in that case as well.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define SELF __attribute__((swift_context)) void *self
#define SWIFT __attribute__((swiftcall))
#define ASYNC __attribute__((swiftasynccall))
#define CONTEXT __attribute__((swift_async_context))

// Absent in processes without the sanitizer or without Swift, such as a Python that a test starts.
extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));
extern SWIFT void *swift_task_getCurrent(void) __attribute__((weak));

static void *next(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

// MARK: Mutex

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"

SWIFT void daybook_lock(uint32_t thread, SELF) __asm__(LOCK);
SWIFT void daybook_unlock(SELF) __asm__(UNLOCK);
SWIFT bool daybook_try_lock(SELF) __asm__(TRY_LOCK);

SWIFT void daybook_lock(uint32_t thread, SELF) {
    ((SWIFT void (*)(uint32_t, SELF))next(LOCK))(thread, self);
    if (__tsan_acquire) __tsan_acquire(self);
}

SWIFT void daybook_unlock(SELF) {
    if (__tsan_release) __tsan_release(self);
    ((SWIFT void (*)(SELF))next(UNLOCK))(self);
}

SWIFT bool daybook_try_lock(SELF) {
    bool taken = ((SWIFT bool (*)(SELF))next(TRY_LOCK))(self);
    if (taken && __tsan_acquire) __tsan_acquire(self);
    return taken;
}

// MARK: continuations

typedef ASYNC void (*Resume)(CONTEXT void *context);

// How the runtime lays out what it knows of a continuation, as far as it is needed here.
struct Continuation {
    void *parent;
    Resume resume;
    uintptr_t flags;
    _Atomic uintptr_t status;
};
// Flag of a continuation whose task may have to go on elsewhere: then it is put in a queue.
static const uintptr_t switches_executor = 2;

// Where the task goes on whose await this thread has begun last.
static _Thread_local Resume resumed;

// What a task that need not wait runs, on the thread on which it awaited and before that does anything else; one that waits
// is begun by what it noted before. So the await's own test decides which of the two it is, and no resumption is missed.
static ASYNC void go_on(CONTEXT void *context) {
    Resume resume = resumed;
    ((struct Continuation *)context)->resume = resume;
    if (__tsan_acquire) __tsan_acquire(swift_task_getCurrent());
    __attribute__((musttail)) return resume(context);
}

ASYNC void swift_continuation_await(struct Continuation *continuation);
ASYNC void swift_continuation_await(struct Continuation *continuation) {
    static _Atomic(void *) known;
    void *await = atomic_load_explicit(&known, memory_order_relaxed);
    if (!await) {
        await = next("swift_continuation_await");
        atomic_store_explicit(&known, await, memory_order_relaxed);
    }
    if (!(continuation->flags & switches_executor)) {
        resumed = continuation->resume;
        continuation->resume = go_on;
    }
    __attribute__((musttail)) return ((ASYNC void (*)(struct Continuation *))await)(continuation);
}
