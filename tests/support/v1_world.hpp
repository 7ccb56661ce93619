/// A node with a system model `scripted`, and what clients of /v1 send it.
#pragma once

#include <thread>

#include "tests/support/node_world.hpp"

namespace parley::test {

/// A stream of these events, at once and well ended.
inline script events_of(const std::vector<std::string>& events) {
  script steps{send_bytes(stream_head())};
  for (const auto& event : events) steps.push_back(send_bytes(stream_chunk(event)));
  steps.push_back(send_bytes(stream_end()));
  return steps;
}

inline std::string openai_event(const std::string& delta, const std::string& reason = "null") {
  return R"(data: {"choices":[{"index":0,"delta":)" + delta + R"(,"finish_reason":)" + reason +
         "}]}\n\n";
}

struct v1_world : node_world {
  std::string model = add_model();
  explicit v1_world(setting_list more = {}) : node_world(std::move(more)) {}

  static std::string chat_body(const std::string& more = {}) {
    return R"({"model":"scripted","messages":[{"role":"user","content":"Hi"}])" + more + "}";
  }
  static std::string messages_body(const std::string& more = {}) {
    return R"({"model":"scripted","max_tokens":50,"messages":[{"role":"user","content":"Hi"}])" +
           more + "}";
  }
  http_answer chat(const std::string& more = {}) {
    return post(ada(), "/v1/chat/completions", chat_body(more));
  }
  event_stream stream_chat(const account& who, const std::string& more = {}) {
    return event_stream{port(),
                        {"POST",
                         "/v1/chat/completions",
                         chat_body(R"(,"stream":true)" + more),
                         {authorization(who)}}};
  }
  event_stream stream_messages(const std::string& more = {}) {
    return event_stream{port(),
                        {"POST",
                         "/v1/messages",
                         messages_body(R"(,"stream":true)" + more),
                         {{"x-api-key", ada().access_token}, {"anthropic-version", "2023-06-01"}}}};
  }
  /// The body of the last request that the upstream got.
  std::string sent() {
    auto request = upstream().requests().back();
    return request.substr(request.find("\r\n\r\n") + 4);
  }
  /// Waits for a request to have come.
  bool wait_for_requests(size_t count);
};

inline bool v1_world::wait_for_requests(size_t count) {
  for (int i = 0; i < 1000 && upstream().counts().requests < count; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  return upstream().counts().requests >= count;
}

}  // namespace parley::test
