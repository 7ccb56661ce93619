/// Reads the body of a chat completion as strictly as OpenAI does.
///
/// Pure; one parser per thread, whose buffers are used again.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace parley::bench {

struct chat_request {
  std::string model;
  std::string last_user_text;
  bool stream = false;
  bool include_usage = false;
  uint64_t tokens_max = 0;  ///< 0: not limited
  uint64_t prompt_tokens = 0;
};

/// What is wrong, in the words of OpenAI's error object; `param` may be empty.
struct request_fault {
  std::string message;
  std::string param;
};

class chat_request_reader {
 public:
  std::variant<chat_request, request_fault> read(std::string_view body);

 private:
  simdjson::dom::parser parser_;
};

}  // namespace parley::bench
