// Any bytes as the file of settings: settings within their bounds, or one line for each fault.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

#include "base/settings.hpp"

using namespace parley;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const int file = ::memfd_create("parley.toml", 0);
  static const auto path = "/proc/self/fd/" + std::to_string(file);
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, data, size, 0) != static_cast<ssize_t>(size))
    std::abort();
  auto read = load_settings({{{"config", path}}, {}});
  if (!read) {
    if (code_of(read.error()) != errc::invalid_input || sentence_of(read.error()).empty())
      std::abort();
    return 0;
  }
  if (read->values.io_threads == 0 || !listen_address::parse(read->values.listen)) std::abort();
  static_cast<void>(print_configuration(*read));
  return 0;
}
