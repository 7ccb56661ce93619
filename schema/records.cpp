#include <algorithm>

#include "base/record_json.hpp"
#include "base/text.hpp"
#include "schema/change.hpp"

namespace parley {

expected<void> check_username(std::string_view name) {
  for (auto c : name) {
    auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || c == '/' || c == '\\') {
      fault_list faults;
      faults.add("/username", "characters", "No spaces, slashes or control characters.");
      return std::move(faults).to_error();
    }
  }
  return {};
}

reply_params merge(const reply_params& over, const reply_params& under) {
  auto result = over;
  each_field<reply_params>([&](const auto& f, size_t) {
    if (!(result.*f.member)) result.*f.member = under.*f.member;
  });
  return result;
}

message_error message_error_of(const error& cause) {
  auto detail = detail_of(cause);
  message_error shown{to_string(code_of(cause)), detail.reason, sentence_of(cause)};
  if (detail.retry_after_s > 0) shown.retry_after_ms = int64_t{detail.retry_after_s} * 1000;
  return shown;
}

void write_derived(json_writer& writer, const model_config& model) {
  writer.member("system", model.is_system()).member("hasApiKey", !model.sealed_key.empty());
  writer.member("hasCaCertificates", model.ca_certificates.has_value());
}

bool is_usable_by(const model_config& model, const model_viewer& viewer) {
  if (!model.enabled) return false;
  if (!model.is_system()) return model.owner_id == viewer.user;
  return std::any_of(model.access.begin(), model.access.end(), [&](const model_access& open_to) {
    switch (open_to.type) {
      case access_type::everyone:
        return true;
      case access_type::role:
        return open_to.id == name_of(viewer.role);
      case access_type::user:
        return open_to.id && user_id::parse(*open_to.id) == viewer.user;
    }
    return false;
  });
}

std::vector<std::string> key_binding(const model_config& model, const std::string& origin) {
  return {"model", to_string(model.id), model.owner_id ? to_string(*model.owner_id) : "system",
          origin};
}

std::string key_hint_of(const secret_text& key) {
  constexpr size_t shown = 4;
  constexpr size_t length_min = 20;
  if (key.size() < length_min) return {};
  return "…" + key.reveal().substr(key.size() - shown);
}

std::string content_of(const std::vector<part>& parts) {
  std::string content;
  for (const auto& p : parts)
    if (p.type == part_type::text && p.text) content += *p.text;
  return content;
}

void write_derived(json_writer& writer, const message& value) {
  writer.member("content", content_of(value.parts));
}

size_t content_bytes_of(const message& said) {
  size_t bytes = 0;
  for (const auto& part : said.parts)
    bytes += (part.text ? part.text->size() : 0) + (part.url ? part.url->size() : 0);
  return bytes;
}

}  // namespace parley
