#include "tests/support/dialect_replay.hpp"

namespace parley::providers {

namespace {

void merge_into(std::vector<text_delta>& all, const std::vector<text_delta>& more) {
  for (auto& delta : more) {
    if (!all.empty() && all.back().type == delta.type)
      all.back().text += delta.text;
    else
      all.push_back(delta);
  }
}

std::string lines_of(const reply_end& end) {
  std::string result;
  for (auto& call : end.calls)
    result += "call " + call.call_id + " " + call.name + " " + call.arguments + "\n";
  if (!end.unseen.empty()) result += "unseen " + end.unseen + "\n";
  if (end.used) {
    result += "usage " + std::to_string(end.used->prompt_tokens) + " " +
              std::to_string(end.used->completion_tokens);
    if (auto n = end.used->reasoning_tokens) result += " reasoning " + std::to_string(*n);
    if (auto n = end.used->cached_tokens) result += " cached " + std::to_string(*n);
    result += "\n";
  }
  return result + "finish " + to_string(end.reason);
}

}  // namespace

json_reader& shared_reader() {
  static json_reader reader{reply_json_limits()};
  return reader;
}

part text_part(std::string text) {
  part result;
  result.text = std::move(text);
  return result;
}

part image_part(std::string url) {
  part result;
  result.type = part_type::image;
  result.url = std::move(url);
  return result;
}

std::string replay(std::string_view dialect, const std::vector<std::string_view>& pieces,
                   bool has_tools) {
  auto parser = find_dialect(dialect)->make_parser({shared_reader(), has_tools, {}});
  std::vector<text_delta> all;
  std::optional<error> fault;
  for (auto piece : pieces) {
    std::vector<text_delta> deltas;
    auto pushed = parser->push(piece, deltas);
    merge_into(all, deltas);
    if (pushed) continue;
    fault = pushed.error();
    break;
  }
  std::vector<text_delta> deltas;
  auto end = parser->finish(deltas);
  merge_into(all, deltas);
  if (fault && end) return "failed and finished";
  std::string result;
  for (auto& delta : all) {
    result += std::string{name_of(delta.type)} + " ";
    append_json_string(result, delta.text);
    result += "\n";
  }
  if (!end) return result + "error " + line_of(end.error()) + "\n";
  return result + lines_of(*end) + (parser->is_complete() ? " complete\n" : "\n");
}

std::string line_of(const error& cause) {
  auto detail = detail_of(cause);
  auto line = to_string(code_of(cause)) + "/" + detail.reason;
  for (auto& fault : detail.fields) line += " " + fault.bound;
  if (detail.retry_after_s > 0) line += " in " + std::to_string(detail.retry_after_s);
  return line;
}

std::string refusal(std::string_view dialect, int status, std::string_view body,
                    uint32_t retry_after_s) {
  auto cause = find_dialect(dialect)->refusal_of({status, retry_after_s, body}, shared_reader());
  // Nothing the upstream wrote is passed on.
  if (describe(cause).find("canary") != std::string::npos) return "passed on: " + describe(cause);
  return line_of(cause);
}

model_config some_model(std::string name) {
  model_config model;
  model.model = std::move(name);
  model.max_tokens = 1000;
  return model;
}

asked_for tool_conversation() {
  asked_for asked;
  auto thoughts = text_part("Hm.");
  thoughts.type = part_type::reasoning;
  tool_call made{"c1", "weather", R"({"city":"Bern"})"};
  asked.messages = {
      {message_role::user, {text_part("Weather?"), image_part("https://a.example/b.png")}},
      {message_role::assistant, {thoughts}, {made}},
      {message_role::tool, {text_part("sunny")}, {}, made}};
  asked.tools = {{"weather", "Tells it."}};
  asked.wishes.tools = asked.tools;
  asked.wishes.choice = tool_choice::named;
  asked.wishes.chosen_tool = "weather";
  return asked;
}

expected<dialect_request> build(std::string_view dialect, const asked_for& asked) {
  return find_dialect(dialect)->build(
      {asked.model, asked.messages, asked.params, asked.tools, asked.rounds, &asked.wishes},
      secret_text{asked.key});
}

}  // namespace parley::providers
