// Files of chats: whatever the bytes are, each conversation read has a tree whose parents come
// before their children, and its counts add up.
#include <cstdint>
#include <cstdlib>
#include <set>

#include "chat/import.hpp"
#include "chat/json_cutter.hpp"

using namespace parley;

namespace {

void check(const imported_session& chat) {
  std::set<message_id> known;
  for (const auto& said : chat.messages) {
    if (said.parent_id && known.count(*said.parent_id) == 0) std::abort();
    if (said.parts.empty() || !known.insert(said.id).second) std::abort();
  }
  int64_t there = chat.counts.taken;
  for (const auto& [reason, count] : chat.counts.changed) there += count;
  if (there != static_cast<int64_t>(chat.messages.size())) std::abort();
  if (chat.header.active_leaf_id && known.count(*chat.header.active_leaf_id) == 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  json_reader reader{{.bytes_max = 1 << 20, .depth_max = 256, .strict = false}};
  json_cutter cutter{{.value_bytes_max = 1 << 20, .depth_max = 250},
                     [&](cut_value&& value) -> expected<void> {
                       auto root = reader.parse(value.text);
                       if (!root) return {};
                       auto source = source_of(*root);
                       if (!source) return {};
                       if (auto chat = read_conversation(*source, *root, instant{1})) check(*chat);
                       return {};
                     }};
  std::string_view bytes{reinterpret_cast<const char*>(data), size};
  // In two pieces, wherever the cut is.
  auto half = size == 0 ? 0 : data[size - 1] % (size + 1);
  if (cutter.feed(bytes.substr(0, half)) && cutter.feed(bytes.substr(half))) (void)cutter.finish();
  return 0;
}
