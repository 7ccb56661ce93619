#include "http/guard.hpp"

#include <algorithm>

namespace parley::http {

guard::phase guard::feed(std::string_view& input) {
  if (!input.empty() && phase_ == phase::idle) phase_ = phase::head;
  if (phase_ == phase::head) {
    switch (head_.feed(input)) {
      case head_reader::status::needs_more:
        break;
      case head_reader::status::refused:
        refusal_ = head_.why();
        phase_ = phase::refused;
        break;
      case head_reader::status::complete:
        accept_head();
    }
  }
  if (phase_ == phase::body) feed_body(input);
  return phase_;
}

void guard::refuse(int http_status, errc code, std::string_view sentence) {
  phase_ = phase::refused;
  refusal_.status = http_status;
  refusal_.code = code;
  refusal_.sentence = sentence;
  refusal_.head = std::move(request_.head);
}

void guard::accept_head() {
  request_.head = std::move(head_.head());
  match();
  if (phase_ == phase::refused) return;
  check_body();
  if (phase_ == phase::refused) return;
  if (!has_body()) {
    phase_ = phase::complete;
    return;
  }
  phase_ = phase::body;
  is_continue_wanted_ = head_.is_continue_expected();
}

void guard::match() {
  auto& head = request_.head;
  if (head.path == "*") {
    for (size_t i = 0; i < method_count; ++i) request_.methods.add(static_cast<method>(i));
    return;
  }
  auto match = routes_->match(head.verb, head.path);
  // The end of the request is known only if no body follows.
  refusal_.is_framed = match.result != route_match::outcome::malformed_path && !has_body();
  request_.methods = match.methods;
  request_.route = match.route;
  request_.path_values = std::move(match.values);
  switch (match.result) {
    case route_match::outcome::found:
      return;
    case route_match::outcome::malformed_path:
      return refuse(400, errc::malformed, "The path is malformed.");
    case route_match::outcome::unknown_path:
      return refuse(404, errc::not_found, "Not found.");
    case route_match::outcome::wrong_method:
      refusal_.allow = match.methods;
      return refuse(405, errc::malformed, "This path does not know the method.");
  }
}

void guard::check_body() {
  refusal_.is_framed = false;
  if (head_.has_content_coding())
    return refuse(415, errc::malformed, "The body must not be compressed.");
  if (!has_body()) return;
  size_t bytes_max = 0;
  if (request_.route != no_route) {
    auto& row = routes_->row(request_.route);
    bytes_max = row.body_bytes_max;
    auto type = request_.head.headers.find("content-type").value_or("");
    if (!row.accepts.empty() && bytes_max > 0 &&
        !is_same_word(trim_blanks(type.substr(0, type.find(';'))), row.accepts))
      return refuse(415, errc::malformed,
                    "The Content-Type must be " + std::string{row.accepts} + ".");
  }
  if (head_.content_length() > bytes_max)
    return refuse(413, errc::too_large,
                  bytes_max == 0 ? "This route takes no body." : "The body is too large.");
  if (head_.is_chunked()) chunks_.emplace(bytes_max);
}

void guard::feed_body(std::string_view& input) {
  if (input.empty()) return;
  is_continue_wanted_ = false;
  auto& body = request_.body;
  if (chunks_) {
    switch (chunks_->feed(input, body)) {
      case chunked_decoder::status::needs_more:
        return;
      case chunked_decoder::status::complete:
        phase_ = phase::complete;
        return;
      case chunked_decoder::status::malformed:
        return refuse(400, errc::malformed, "The chunked body is malformed.");
      case chunked_decoder::status::too_large:
        return refuse(413, errc::too_large, "The body is too large.");
    }
  }
  if (body.empty()) body.reserve(head_.content_length());
  auto taken = std::min(input.size(), bytes_wanted());
  body.append(input.substr(0, taken));
  input.remove_prefix(taken);
  if (bytes_wanted() == 0) phase_ = phase::complete;
}

clean_request guard::take_request() {
  auto request = std::move(request_);
  *this = guard{*routes_, *limits_};
  return request;
}

size_t guard::bytes_wanted() const {
  if (chunks_) return chunks_->bytes_wanted();
  return static_cast<size_t>(head_.content_length()) - request_.body.size();
}

size_t guard::body_bytes() const {
  return chunks_ ? request_.body.size() : static_cast<size_t>(head_.content_length());
}

bool guard::take_continue() {
  return phase_ == phase::body && std::exchange(is_continue_wanted_, false);
}

}  // namespace parley::http
