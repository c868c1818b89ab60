// Tells the thread sanitizer what the slow half of Swift's Mutex does. Preloaded by tools/sanitize into thread-sanitized
// processes on Linux, and part of nothing else.
//
// Mutex takes and gives an uncontended lock by an atomic exchange in our own, instrumented code. Where two threads meet it
// calls into the Swift library, which is not instrumented and asks the kernel: the sanitizer sees neither that the one thread
// has given the lock nor that the other has it now, and calls everything under the lock a race. Here the same calls are passed
// on, with an acquire behind the lock and a release before the unlock, at the address where the fast half does its exchange.
// The lock does order the two; nothing else is hidden: accesses outside the lock are reported as before.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define SELF __attribute__((swift_context)) void *self
#define SWIFT __attribute__((swiftcall))

// Absent in processes without the sanitizer, such as a Python that a test starts.
extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

static void *next(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

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
