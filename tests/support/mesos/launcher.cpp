// Starts the real Mesos 1.11 that lies in the native module of the Python package mesos.scheduler: a leader without agents, or agents that
// join one. For tests only, on x86-64 Linux only: it overwrites the first bytes of one function.
//
// The module holds all of libmesos, since the scheduler driver can start a local cluster (`mesos::internal::local::launch`). All flags of the
// two programs are environment variables MESOS_NAME. MESOS_SO: the module. AGENT_LEADER (master@HOST:PORT): where agents find their leader.
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

static void* module_;

// stout's Option<std::string> as it lies in memory: 0 is SOME, 1 is NONE.
struct OptionString {
  int state;
  std::string value;
};

template <typename Function>
static Function find(const char* name) {
  void* symbol = dlsym(module_, name);
  if (symbol == nullptr) {
    fprintf(stderr, "The module has no %s.\n", name);
    exit(1);
  }
  return reinterpret_cast<Function>(symbol);
}

// Takes the place of the stand-alone detector's appoint(Option<MasterInfo>): whatever it is told, it names the leader of another process.
static void appoint(void* self, const void*) {
  static char upid[1024];
  find<void (*)(void*, const char*)>("_ZN7process4UPIDC1EPKc")(upid, getenv("AGENT_LEADER"));
  find<void (*)(void*, const void*)>("_ZN5mesos6master8detector24StandaloneMasterDetector7appointERKN7process4UPIDE")(self, upid);
}

// Writes `mov rax, to; jmp rax` over the beginning of a function.
static void redirect(const char* name, void* to) {
  auto at = find<unsigned char*>(name);
  auto page = reinterpret_cast<uintptr_t>(at) & ~4095ul;
  mprotect(reinterpret_cast<void*>(page), 8192, PROT_READ | PROT_WRITE | PROT_EXEC);
  unsigned char code[12] = {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0};
  memcpy(code + 2, &to, 8);
  memcpy(at, code, 12);
}

int main(int argc, char** argv) {
  if (dlopen("libpystub.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  module_ = dlopen(getenv("MESOS_SO"), RTLD_LAZY | RTLD_GLOBAL);
  if (module_ == nullptr) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  if (getenv("AGENT_LEADER") != nullptr)
    redirect("_ZN5mesos6master8detector24StandaloneMasterDetector7appointERK6OptionINS_10MasterInfoEE", reinterpret_cast<void*>(&appoint));
  OptionString delegate{0, "master"}, readWrite{0, "mesos-master-readwrite"}, readOnly{0, "mesos-master-readonly"};
  find<void (*)(const OptionString&, const OptionString&, const OptionString&)>(
      "_ZN7process10initializeERK6OptionINSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEEES9_S9_")(delegate, readWrite, readOnly);
  // Room for objects whose sizes only the module knows.
  alignas(16) static char flags[1 << 16], pid[4096], loaded[4096];
  find<void (*)(void*)>("_ZN5mesos8internal5local5FlagsC1Ev")(flags);
  long base = (*reinterpret_cast<long**>(flags))[-4];  // Where the virtual base flags::FlagsBase lies.
  OptionString prefix{0, "LOCAL_"};
  find<void (*)(void*, void*, const OptionString&, int, const char* const*, bool, bool)>(
      "_ZN5flags9FlagsBase4loadERK6OptionINSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEEEiPKPKcbb")(
      loaded, flags + base, prefix, argc, argv, false, false);
  if (*reinterpret_cast<int*>(loaded) != 0) {
    fprintf(stderr, "%s\n", reinterpret_cast<std::string*>(loaded + 40)->c_str());
    return 2;
  }
  find<void* (*)(void*, const void*, void*)>("_ZN5mesos8internal5local6launchERKNS1_5FlagsEPNS_9allocator9AllocatorE")(pid, flags, nullptr);
  for (;;) pause();
}
