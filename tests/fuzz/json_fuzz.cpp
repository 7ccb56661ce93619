// Any bytes as the body of a request: clean JSON, which reads back from what it is written as, or
// an error. As each of the bodies of the API it is a record or a list of its faults, and what was
// taken reads back.
#include <cstdlib>

#include "base/record_json.hpp"
#include "http/v1_request.hpp"
#include "schema/api_key.hpp"
#include "schema/model.hpp"
#include "schema/quota.hpp"
#include "schema/requests.hpp"
#include "schema/session.hpp"
#include "schema/system.hpp"

using namespace parley;

namespace {

void require(bool is_true) {
  if (!is_true) std::abort();
}

void check_fault(const error& cause) {
  auto code = code_of(cause);
  require(code == errc::malformed || code == errc::invalid_input);
  require(!sentence_of(cause).empty());
}

void check_faults(const error& cause) {
  check_fault(cause);
  for (const auto& each : detail_of(cause).fields)
    require(each.path.empty() || each.path[0] == '/');
}

template <class Record>
void check(const json_value& body, field_use allowed) {
  auto read = decode<Record>(body, allowed);
  if (!read) return check_faults(read.error());
  Record made;
  read->apply_to(made);
  auto text = json_of(made);
  json_reader again;
  require(static_cast<bool>(again.parse(text)));
}

// Its faults name fields as the originals do.
void check_v1(const json_value& body) {
  auto openai = http::read_openai_chat(body);
  if (!openai) check_fault(openai.error());
  auto anthropic = http::read_anthropic_messages(body);
  if (!anthropic) check_fault(anthropic.error());
  auto embedding = http::read_openai_embedding(body);
  if (!embedding) check_fault(embedding.error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static json_reader reader{{.bytes_max = 4096, .depth_max = 16, .keys_max = 50}};
  std::string_view text{reinterpret_cast<const char*>(data), size};
  auto body = reader.parse(text);
  if (!body) {
    auto code = code_of(body.error());
    require(code == errc::malformed || (code == errc::too_large && size > 4096));
    return 0;
  }
  auto written = body->text();
  json_reader other{{.bytes_max = 1 << 20}};
  auto again = other.parse(written);
  require(again && again->text() == written);
  if (body->type() == json_type::object) {
    check<login_body>(*body, use::in_create);
    check<chat_body>(*body, use::in_create);
    check<count_body>(*body, use::in_create);
    check<bulk_body>(*body, use::in_create);
    check<model_config>(*body, use::in_create);
    check<model_config>(*body, use::in_patch);
    check<session>(*body, use::in_create);
    check<session>(*body, use::in_patch);
    check<api_key>(*body, use::in_create);
    check<quota_settings>(*body, use::in_create);
    check<system_settings>(*body, use::in_patch);
  }
  check_v1(*body);
  return 0;
}
