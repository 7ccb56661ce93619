#include "app/idle_memory.hpp"

#include <malloc.h>

#include "base/log.hpp"

namespace parley::app {

void idle_memory::look(int64_t users_awake, const storage_actor& storage,
                       const reader_actor& reader) {
  if (users_awake > 0) {
    stage_ = stage::used;
  } else if (stage_ == stage::used) {
    stage_ = stage::asked;
    caf::anon_send(storage, release_memory{});
    caf::anon_send(reader, release_memory{});
  } else if (stage_ == stage::asked) {
    stage_ = stage::given_back;
    counter_.release_memory();
    ::malloc_trim(0);
    log_debug("memory.given_back");
  }
}

}  // namespace parley::app
