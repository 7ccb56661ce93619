/// Server-sent events out of a body that comes in any pieces (LF and CR LF lines).
///
/// Deliberately not the product's base/sse: what measures and checks a server must not share its
/// mistakes. An event over 1 MiB breaks the reader.
#pragma once

#include <string>
#include <string_view>

namespace parley::bench {

/// The views are valid during the call only.
struct sse_event {
  std::string_view name;  ///< empty: "message"
  std::string_view data;
  std::string_view id;
};

class sse_reader {
 public:
  template <class OnEvent>
  void read(std::string_view piece, OnEvent on_event) {
    while (!piece.empty() && !is_broken_) {
      const auto end = piece.find('\n');
      line_.append(piece.substr(0, end));
      is_broken_ = line_.size() + data_.size() > event_bytes_max;
      if (end == std::string_view::npos) return;
      piece.remove_prefix(end + 1);
      if (take_line()) {
        on_event(sse_event{name_, data_, id_});
        forget_event();
      }
    }
  }
  bool is_broken() const { return is_broken_; }
  void reset() { *this = {}; }

 private:
  static constexpr size_t event_bytes_max = 1024 * 1024;
  bool take_line();  // true: an event is whole
  void forget_event();

  std::string line_;
  std::string name_;
  std::string data_;
  std::string id_;
  bool has_data_ = false;
  bool is_broken_ = false;
};

}  // namespace parley::bench
