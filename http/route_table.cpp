#include "http/route_table.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace parley::http {

namespace {

using segments = std::vector<std::string>;

error malformed() {
  return make_error(errc::malformed, "The path is malformed.");
}

bool is_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

std::vector<std::string_view> split_raw(std::string_view path) {
  std::vector<std::string_view> parts;
  path.remove_prefix(1);
  for (;;) {
    auto slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    path.remove_prefix(slash + 1);
  }
}

bool is_plain(std::string_view decoded) {
  if (decoded == "." || decoded == "..") return false;
  for (unsigned char c : decoded)
    if (c < 0x20 || c == 0x7f || c == '/' || c == '\\') return false;
  return is_utf8(decoded);
}

}  // namespace

expected<segments> split_path(std::string_view raw_path) {
  if (raw_path.empty() || raw_path.front() != '/') return malformed();
  segments result;
  for (auto part : split_raw(raw_path)) {
    auto decoded = percent_decode(part);
    if (!decoded || !is_plain(*decoded)) return malformed();
    result.push_back(std::move(*decoded));
  }
  return result;
}

struct route_table::node {
  struct edge {
    std::string_view literal;
    std::unique_ptr<node> to;
  };
  std::vector<edge> literals;  ///< sorted
  std::unique_ptr<node> parameter;
  std::array<route_index, method_count> routes;
  method_set methods;

  node() { routes.fill(no_route); }

  node& child(std::string_view segment) {
    if (is_parameter(segment)) {
      if (!parameter) parameter = std::make_unique<node>();
      return *parameter;
    }
    auto place = std::lower_bound(literals.begin(), literals.end(), segment,
                                  [](auto& e, auto& s) { return e.literal < s; });
    if (place == literals.end() || place->literal != segment)
      place = literals.insert(place, {segment, std::make_unique<node>()});
    return *place->to;
  }

  const node* find(std::string_view segment) const {
    auto place = std::lower_bound(literals.begin(), literals.end(), segment,
                                  [](auto& e, auto& s) { return e.literal < s; });
    return place != literals.end() && place->literal == segment ? place->to.get() : nullptr;
  }

  route_index route_for(method verb) const {
    auto route = routes[static_cast<size_t>(verb)];
    if (route == no_route && verb == method::head) route = routes[static_cast<size_t>(method::get)];
    return route;
  }
};

namespace {

// Tries literals before the parameter and goes back, so that "/models/system" (POST) does not hide
// GET "/models/{id}". The depth is the pattern's, the branches are two.
template <class Node>
struct walk {
  method verb;
  const segments& path;
  route_match& match;
  std::vector<size_t> parameters{};

  bool operator()(const Node& at, size_t depth) {
    if (depth == path.size()) return arrive(at);
    if (auto* next = at.find(path[depth]); next != nullptr && (*this)(*next, depth + 1))
      return true;
    if (!at.parameter || path[depth].empty()) return false;
    parameters.push_back(depth);
    if ((*this)(*at.parameter, depth + 1)) return true;
    parameters.pop_back();
    return false;
  }

  bool arrive(const Node& at) {
    match.methods.add(at.methods);
    match.route = at.route_for(verb);
    if (match.route == no_route) return false;
    for (auto depth : parameters) match.values.push_back(path[depth]);
    return true;
  }
};

}  // namespace

route_table::route_table() : root_(std::make_unique<node>()) {}
route_table::route_table(route_table&&) noexcept = default;
route_table& route_table::operator=(route_table&&) noexcept = default;
route_table::~route_table() = default;

expected<route_table> route_table::make(std::vector<route_row> rows) {
  if (rows.size() >= no_route) return make_error(errc::internal, "Too many routes.");
  route_table table;
  table.rows_ = std::move(rows);
  for (size_t i = 0; i < table.rows_.size(); ++i) TRY_DONE(table.add(static_cast<route_index>(i)));
  return table;
}

expected<void> route_table::add(route_index route) {
  auto& row = rows_[route];
  auto refuse = [&](std::string_view why) {
    return make_error(errc::internal, "Route " + std::string{to_string(row.verb)} + " " +
                                          std::string{row.pattern} + ": " + std::string{why});
  };
  if (row.pattern.empty() || row.pattern.front() != '/') return refuse("no leading slash");
  if ((row.body == body_mode::none) != (row.body_bytes_max == 0))
    return refuse("a body needs a limit, and the limit a body");
  auto* at = root_.get();
  for (auto segment : split_raw(row.pattern)) {
    if (!is_parameter(segment) && segment.find_first_of("{}%") != std::string_view::npos)
      return refuse("a segment is either a literal or one {parameter}");
    at = &at->child(segment);
  }
  auto& place = at->routes[static_cast<size_t>(row.verb)];
  if (place != no_route) return refuse("stands twice");
  place = route;
  at->methods.add(row.verb);
  at->methods.add(method::options);
  if (row.verb == method::get) at->methods.add(method::head);
  return {};
}

route_match route_table::match(method verb, std::string_view raw_path) const {
  route_match result;
  auto path = split_path(raw_path);
  if (!path) {
    result.result = route_match::outcome::malformed_path;
    return result;
  }
  walk<node> walk{verb, *path, result};
  if (walk(*root_, 0) || (verb == method::options && !result.methods.is_empty()))
    result.result = route_match::outcome::found;
  else if (!result.methods.is_empty())
    result.result = route_match::outcome::wrong_method;
  return result;
}

int route_table::parameter_index(route_index route, std::string_view name) const {
  int index = 0;
  for (auto segment : split_raw(rows_[route].pattern)) {
    if (!is_parameter(segment)) continue;
    if (segment.substr(1, segment.size() - 2) == name) return index;
    ++index;
  }
  return -1;
}

}  // namespace parley::http
