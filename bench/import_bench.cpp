// How fast a file of chats is read, and in how much memory: conversations as ChatGPT exports them,
// a hundred messages each, and every thousandth of them a large one. Usage: import_bench [MiB]
// [MiB of a large conversation]. Ends with 1 beyond 100 MB resident.
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>

#include "actors/impl/import_file.hpp"

using namespace parley;

namespace {

constexpr int64_t rss_bytes_max = 100'000'000;

struct counting final : import_sink {
  int64_t chats = 0;
  int64_t messages = 0;

  expected<import_verdict> take(imported_session&& chat) override {
    ++chats;
    messages += std::ssize(chat.messages);
    return import_verdict{};
  }
  expected<void> advance(int64_t) override { return {}; }
};

std::string conversation(int number, size_t message_bytes) {
  std::string text = R"({"conversation_id":"c)" + std::to_string(number) +
                     R"(","title":"Chat","create_time":1710000000,"mapping":{)";
  for (int i = 0; i < 100; ++i) {
    auto id = std::to_string(i);
    if (i > 0) text += ',';
    text += '"';
    text.append(id).append(R"(":{"id":")").append(id).append(R"(","parent":)");
    if (i == 0)
      text += "null";
    else
      text.append("\"").append(std::to_string(i - 1)).append("\"");
    text += R"(,"message":{"author":{"role":")";
    text += i % 2 == 0 ? "user" : "assistant";
    text += R"("},"create_time":1710000001,"content":{"content_type":"text","parts":[")";
    while (text.size() % message_bytes != 0) text += "arch "[text.size() % 5];
    text += R"("]}}})";
  }
  return text + "}}";
}

/// A file without a name, of about so many bytes.
std::FILE* make_file(int64_t bytes, int64_t large_bytes) {
  auto* file = std::tmpfile();
  if (file == nullptr) std::abort();
  auto usual = conversation(0, 1000);
  std::fputs("[", file);
  int64_t written = 0;
  for (int number = 1; written < bytes; ++number) {
    if (number > 1) std::fputs(",", file);
    // The same but for its id, which has one place.
    auto text =
        number % 1000 == 1 ? conversation(number, static_cast<size_t>(large_bytes / 100)) : usual;
    written += static_cast<int64_t>(std::fwrite(text.data(), 1, text.size(), file));
  }
  std::fputs("]", file);
  std::fflush(file);
  return file;
}

int64_t resident_bytes() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return int64_t{used.ru_maxrss} * 1024;
}

}  // namespace

int main(int argc, char** argv) {
  auto mib = [&](int place, int64_t usual) {
    return (argc > place ? std::strtol(argv[place], nullptr, 10) : usual) << 20;
  };
  auto* file = make_file(mib(1, 1024), mib(2, 8));
  auto before = resident_bytes();
  counting sink;
  auto start = std::chrono::steady_clock::now();
  auto outcome = read_import_file(::fileno(file), {}, instant{1'710'000'000'000}, sink);
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  auto bytes = ::lseek(::fileno(file), 0, SEEK_END);
  std::fclose(file);
  if (!outcome) {
    std::fprintf(stderr, "%s\n", describe(outcome.error()).c_str());
    return 1;
  }
  std::printf(
      "%.0f MB: %ld chats, %ld messages in %.1f s (%.0f MB/s); resident %.1f MB, %.1f MB "
      "before reading\n",
      static_cast<double>(bytes) / 1e6, static_cast<long>(sink.chats),
      static_cast<long>(sink.messages), took.count(),
      static_cast<double>(bytes) / 1e6 / took.count(), static_cast<double>(resident_bytes()) / 1e6,
      static_cast<double>(before) / 1e6);
  return resident_bytes() <= rss_bytes_max ? 0 : 1;
}
