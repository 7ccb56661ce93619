#include "http/clean_request.hpp"

namespace parley::http {

void header_list::add(std::string_view name, std::string_view value) {
  places_.push_back({static_cast<uint32_t>(text_.size()), static_cast<uint16_t>(name.size()),
                     static_cast<uint16_t>(value.size())});
  text_.append(name).append(value);
}

header_list::field header_list::at(size_t index) const {
  auto& place = places_[index];
  std::string_view text{text_};
  return {text.substr(place.begin, place.name_bytes),
          text.substr(place.begin + place.name_bytes, place.value_bytes)};
}

std::optional<std::string_view> header_list::find(std::string_view name) const {
  for (size_t i = 0; i < places_.size(); ++i)
    if (auto field = at(i); field.name == name) return field.value;
  return std::nullopt;
}

std::string serialise(const clean_request& request) {
  auto& head = request.head;
  std::string text{to_string(head.verb)};
  text.append(" ").append(head.path);
  if (!head.query.empty()) text.append("?").append(head.query);
  text.append(head.is_http_1_0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  for (size_t i = 0; i < head.headers.size(); ++i) {
    auto field = head.headers.at(i);
    text.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  text.append(head.is_keep_alive ? "connection: keep-alive\r\n" : "connection: close\r\n");
  text.append("content-length: ").append(std::to_string(request.body.size())).append("\r\n\r\n");
  return text.append(request.body);
}

}  // namespace parley::http
