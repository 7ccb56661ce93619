// The contract and the page that shows it. Nothing of them comes from another address.
#include "http/contract.hpp"
#include "http/edge.hpp"
#include "http/routes/routes.hpp"

namespace parley::http::routes {

namespace {

constexpr std::string_view page = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Parley: the API</title>
<style>body { margin: 0 } img[alt="redocly logo"] { display: none }</style>
<redoc spec-url="/openapi.json"></redoc>
<script src="/docs/redoc.standalone.js"></script>
</html>
)";

constexpr std::string_view page_without_script = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Parley: the API</title>
<h1>The reading page is not here.</h1>
<p>Its script comes from npm, which was absent when this server was built. The whole contract is at
<a href="/openapi.json">/openapi.json</a>; any reader of OpenAPI 3.1 shows it.</p>
</html>
)";

// Redoc writes styles into the page and runs its search in a worker made of a blob; it reaches
// nothing but this server.
constexpr const char* page_policy =
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

/// May be kept, but is asked for again each time: a new server has a new contract.
void add_caching(answer& what, std::string_view tag) {
  what.headers.emplace_back("ETag", tag);
  what.headers.emplace_back("Cache-Control", "public, no-cache");
}

}  // namespace

expected<void> show_contract(edge& at, exchange& x, const parsed_request&) {
  auto result = json_answer(200, std::string{contract_json()});
  add_caching(result, contract_tag());
  at.answer_now(x, std::move(result));
  return {};
}

expected<void> show_docs(edge& at, exchange& x, const parsed_request&) {
  auto has_script = !at.status().reading_script.text.bytes().empty();
  answer result{has_script ? 200 : 503,
                {},
                "text/html; charset=utf-8",
                std::string{has_script ? page : page_without_script}};
  if (has_script) {
    result.headers.emplace_back("Content-Security-Policy", page_policy);
    result.headers.emplace_back("Cache-Control", "public, no-cache");
  } else {
    result.headers.emplace_back("Retry-After", "86400");  // only another build brings it
  }
  at.answer_now(x, std::move(result));
  return {};
}

expected<void> show_docs_script(edge& at, exchange& x, const parsed_request&) {
  const auto& script = at.status().reading_script;
  if (script.text.bytes().empty()) return make_error(errc::not_found);
  answer result{200, {}, "text/javascript; charset=utf-8", std::string{script.text.bytes()}};
  add_caching(result, script.tag);
  at.answer_now(x, std::move(result));
  return {};
}

}  // namespace parley::http::routes
