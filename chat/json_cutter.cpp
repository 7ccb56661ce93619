#include "chat/json_cutter.hpp"

namespace parley {

namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

}  // namespace

error json_cutter::fault(std::string_view what) const {
  return make_error(errc::invalid_input, "not_json",
                    "At byte " + std::to_string(position_) + ": " + std::string{what});
}

void json_cutter::keep(std::string_view bytes) {
  value_.bytes += static_cast<int64_t>(bytes.size());
  if (value_.bytes > static_cast<int64_t>(limits_.value_bytes_max))
    value_.text = {};
  else
    value_.text += bytes;
}

expected<void> json_cutter::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (at_ == place::in_string && !is_escaped_) {
      auto passed = pass_string(bytes);
      bytes.remove_prefix(passed);
      if (bytes.empty()) break;
    }
    TRY_DONE(step(bytes.front()));
    ++position_;
    bytes.remove_prefix(1);
  }
  return {};
}

// Most of every file is text: it is not looked at byte by byte.
size_t json_cutter::pass_string(std::string_view bytes) {
  auto plain = bytes.substr(0, bytes.find_first_of("\"\\"));
  keep(plain);
  position_ += static_cast<int64_t>(plain.size());
  return plain.size();
}

expected<void> json_cutter::step(char c) {
  if (at_ == place::in_string) {
    keep({&c, 1});
    if (is_escaped_)
      is_escaped_ = false;
    else if (c == '\\')
      is_escaped_ = true;
    else if (c == '"')
      at_ = place::in_value;
    return {};
  }
  return at_ == place::in_value ? step_in_value(c) : step_outside(c);
}

expected<void> json_cutter::step_in_value(char c) {
  // A value that is neither in brackets nor a string ends before what follows it.
  if (open_.empty() && (c == ',' || c == ']' || is_blank(c))) {
    TRY_DONE(end_value());
    return step_outside(c);
  }
  keep({&c, 1});
  if (c == '"') {
    at_ = place::in_string;
  } else if (c == '{' || c == '[') {
    if (open_.size() >= limits_.depth_max) return fault("this is nested too deeply.");
    open_.push_back(c);
  } else if (c == '}' || c == ']') {
    auto opening = c == '}' ? '{' : '[';
    if (open_.empty() || open_.back() != opening) return fault("this bracket closes nothing.");
    open_.pop_back();
    if (open_.empty()) return end_value();
  }
  return {};
}

expected<void> json_cutter::step_outside(char c) {
  if (is_blank(c)) return {};
  switch (at_) {
    case place::start:
      if (c == '{') return begin_value(c);
      if (c != '[') return fault("here an array or an object should begin.");
      is_array_ = may_end_ = true;
      at_ = place::before_value;
      return {};
    case place::before_value:
      if (c == ']' && may_end_) {
        at_ = place::end;
        return {};
      }
      if (c == ',' || c == ']' || c == '}' || c == ':') return fault("here a value should stand.");
      return begin_value(c);
    case place::after_value:
      if (c != ',' && c != ']') return fault("here a comma or the array's end should stand.");
      at_ = c == ',' ? place::before_value : place::end;
      may_end_ = false;
      return {};
    default:
      return fault("something follows the end.");
  }
}

expected<void> json_cutter::begin_value(char c) {
  value_ = {};
  value_.offset = position_;
  at_ = place::in_value;
  return step_in_value(c);
}

expected<void> json_cutter::end_value() {
  at_ = is_array_ ? place::after_value : place::end;
  return take_(std::exchange(value_, {}));
}

expected<void> json_cutter::finish() {
  if (at_ == place::end) return {};
  return fault(at_ == place::start ? "the file is empty." : "the file ends too early.");
}

}  // namespace parley
