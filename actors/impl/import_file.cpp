#include "actors/impl/import_file.hpp"

#include <unistd.h>

#include <array>
#include <cctype>

namespace parley {

namespace {

constexpr size_t piece_bytes = 65536;

/// Whether a file of a zip holds conversations: `conversations.json` and `conversations-001.json`
/// of ChatGPT, `sessions/….json` of Parley.
bool has_conversations(std::string_view name) {
  if (name.find("..") != name.npos || name.starts_with('/')) return false;
  if (!name.ends_with(".json")) return false;
  if (name.starts_with("sessions/")) return true;
  if (auto slash = name.rfind('/'); slash != name.npos) name.remove_prefix(slash + 1);
  constexpr std::string_view word = "conversations";
  if (!name.starts_with(word)) return false;
  auto number = name.substr(word.size(), name.size() - word.size() - 5);
  return number.empty() ||
         (number.front() == '-' && std::all_of(number.begin() + 1, number.end(), [](char c) {
            return std::isdigit(static_cast<unsigned char>(c)) != 0;
          }));
}

/// The conversations of one JSON text after the other.
class conversation_reader {
 public:
  conversation_reader(const import_limits& limits, instant now, import_sink& sink)
      : limits_(limits),
        now_(now),
        sink_(sink),
        json_({.bytes_max = limits.cut.value_bytes_max + 1,
               .depth_max = limits.cut.depth_max + 1,
               .strict = false}) {}

  void begin_text(std::string name) {
    name_ = std::move(name);
    cutter_.emplace(limits_.cut, [this](cut_value&& value) { return take(std::move(value)); });
  }
  expected<void> feed(std::string_view bytes) { return with_name(cutter_->feed(bytes)); }
  expected<void> finish_text() { return with_name(cutter_->finish()); }
  import_outcome outcome() && { return std::move(outcome_); }

 private:
  expected<void> with_name(expected<void> result) const {
    if (result || name_.empty() || code_of(result.error()) != errc::invalid_input) return result;
    const auto& cause = result.error();
    return make_error(errc::invalid_input, name_ + ": " + sentence_of(cause), detail_of(cause));
  }

  error fault_at(int64_t offset, std::string_view what) const {
    return make_error(errc::invalid_input, "not_an_export",
                      "At byte " + std::to_string(offset) + ": " + std::string{what});
  }

  expected<void> take(cut_value&& value) {
    if (value.text.empty()) return leave_out("too_large");
    auto is_mended = mend_surrogates(value.text);
    auto root = json_.parse(value.text);
    if (!root) return fault_at(value.offset, "this value is no JSON: " + sentence_of(root.error()));
    auto source = source_of(*root);
    // A file that begins with something else is not what it says.
    if (!source && !has_begun_) return fault_at(value.offset, "this is no conversation.");
    has_begun_ = true;
    if (!source) return leave_out("unknown_format");
    auto chat = read_conversation(*source, *root, now_);
    if (!chat) return fault_at(value.offset, sentence_of(chat.error()));
    value = {};
    auto counts = chat->counts;
    auto is_changed = !counts.changed.empty() || !counts.left_out.empty();
    TRY(auto verdict, sink_.take(std::move(*chat)));
    if (!verdict.left_out.empty()) {
      if (counts.total() > 0) outcome_.messages.left_out[verdict.left_out] += counts.total();
      return leave_out(verdict.left_out);
    }
    outcome_.messages.add(counts);
    if (is_mended)
      ++outcome_.sessions.changed["text_repaired"];
    else if (is_changed)
      ++outcome_.sessions.changed["messages_changed"];
    else
      ++outcome_.sessions.taken;
    return {};
  }

  expected<void> leave_out(const std::string& reason) {
    ++outcome_.sessions.left_out[reason];
    return {};
  }

  const import_limits& limits_;
  instant now_;
  import_sink& sink_;
  json_reader json_;
  std::optional<json_cutter> cutter_;
  std::string name_;
  bool has_begun_ = false;
  import_outcome outcome_;
};

int64_t place_of(int descriptor) {
  return std::max<int64_t>(::lseek(descriptor, 0, SEEK_CUR), 0);
}

expected<void> read_zip(int descriptor, const import_limits& limits, conversation_reader& to,
                        import_sink& sink) {
  TRY(auto archive, zip_reader::open(descriptor, limits.zip));
  bool has_any = false;
  for (;;) {
    TRY(auto name, archive.next());
    if (!name) break;
    if (!has_conversations(*name)) continue;
    has_any = true;
    to.begin_text(*name);
    for (;;) {
      TRY(auto bytes, archive.read());
      if (bytes.empty()) break;
      TRY_DONE(to.feed(bytes));
      TRY_DONE(sink.advance(place_of(descriptor)));
    }
    TRY_DONE(to.finish_text());
  }
  if (has_any) return {};
  return make_error(errc::invalid_input, "not_an_export", "The archive holds no conversations.");
}

expected<void> read_text(int descriptor, conversation_reader& to, import_sink& sink) {
  std::array<char, piece_bytes> buffer;
  to.begin_text({});
  for (;;) {
    auto size = ::read(descriptor, buffer.data(), buffer.size());
    if (size < 0) return make_error(errc::storage_failed);
    if (size == 0) break;
    TRY_DONE(to.feed({buffer.data(), static_cast<size_t>(size)}));
    TRY_DONE(sink.advance(place_of(descriptor)));
  }
  return to.finish_text();
}

}  // namespace

expected<import_outcome> read_import_file(int descriptor, const import_limits& limits, instant now,
                                          import_sink& sink) {
  std::array<char, 4> magic{};
  auto size = ::pread(descriptor, magic.data(), magic.size(), 0);
  if (size < 0 || ::lseek(descriptor, 0, SEEK_SET) < 0) return make_error(errc::storage_failed);
  conversation_reader reader{limits, now, sink};
  constexpr std::string_view zip_magic{"PK\x03\x04", 4};
  if (std::string_view{magic.data(), static_cast<size_t>(size)} == zip_magic)
    TRY_DONE(read_zip(descriptor, limits, reader, sink));
  else
    TRY_DONE(read_text(descriptor, reader, sink));
  return std::move(reader).outcome();
}

}  // namespace parley
