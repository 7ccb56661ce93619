#include "providers/catalogue.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "base/money.hpp"
#include "providers/upstream_url.hpp"
#include "tests/support/temp_directory.hpp"

using namespace parley;
using namespace parley::providers;

namespace {

catalogue built_in() {
  auto loaded = catalogue::load("");
  REQUIRE(loaded);
  return std::move(*loaded);
}

patch_of<model_config> wish_for(std::string provider) {
  patch_of<model_config> wish;
  wish.set(&model_config::provider, std::move(provider));
  return wish;
}

std::string fault_of(std::string_view text) {
  auto known = built_in();
  auto count = known.presets().size();
  auto laid = known.lay_over(text, "x.toml");
  CHECK(known.presets().size() == count);
  return laid ? "none" : sentence_of(laid.error());
}

}  // namespace

TEST_CASE("what is built in holds together", "[catalogue]") {
  auto known = built_in();
  for (auto name : {"openai", "anthropic", "gemini", "deepseek", "qwen", "moonshot", "zhipu",
                    "siliconflow", "groq", "openrouter", "mistral", "xai", "azure", "ollama",
                    "vllm", "llama.cpp", "lmstudio", "openai-responses", "demo"}) {
    INFO(name);
    CHECK(known.find(name));
  }
  for (auto& each : known.presets()) {
    INFO(each.name);
    CHECK(known.dialect_of(each.name));
    CHECK(each.as_of.size() == 10);
    if (!each.base_url.empty()) CHECK(origin_of(each.base_url));
    if (!each.base_url.empty() && !each.is_local) CHECK(each.base_url.substr(0, 8) == "https://");
    if (!each.default_model.empty() && !each.is_local)
      CHECK(known.find_model(each, each.default_model));
    for (auto& model : each.models) {
      INFO(model.id);
      CHECK(model.output_max <= model.context_window);
      CHECK((model.kind == model_kind::embedding || model.output_max > 0));
      if (!model.prices) continue;
      CHECK(model.prices->currency == each.currency);
      CHECK(parse_money(model.prices->input));
      // Nobody asks more for what it remembers than for what it reads anew.
      if (auto& cached = model.prices->cached)
        CHECK(*parse_money(*cached) <= *parse_money(model.prices->input));
    }
  }
}

TEST_CASE("a provider's name is enough for a model", "[catalogue]") {
  auto known = built_in();
  auto wish = wish_for("deepseek");
  REQUIRE(known.complete(wish));
  CHECK(wish.value.base_url == "https://api.deepseek.com/v1");
  CHECK(wish.value.model == "deepseek-flash");
  CHECK(wish.value.name == "deepseek-flash");
  CHECK(wish.value.context_window == 1'000'000);
  CHECK(wish.value.max_tokens == 384'000);
  REQUIRE(wish.value.prices);
  CHECK(wish.value.prices->currency == "USD");
  CHECK(wish.value.prices->cached == "0.006");
  REQUIRE(wish.value.capabilities);
  CHECK(wish.value.capabilities->tools);
  CHECK(wish.value.capabilities->images);
}

TEST_CASE("what the wish says stays", "[catalogue]") {
  auto known = built_in();
  auto wish = wish_for("openai");
  wish.set(&model_config::name, std::string{"mine"});
  wish.set(&model_config::model, std::string{"gpt-4o-2024-08-06"});
  wish.set(&model_config::base_url, std::string{"https://proxy.example/v1"});
  wish.set(&model_config::context_window, 10'000);
  REQUIRE(known.complete(wish));
  CHECK(wish.value.name == "mine");
  CHECK(wish.value.base_url == "https://proxy.example/v1");
  CHECK(wish.value.context_window == 10'000);
  CHECK(wish.value.max_tokens == 5'000);  // half of the window at most
  CHECK(wish.value.capabilities);
  CHECK_FALSE(wish.value.prices);  // somebody else's

  auto unknown = wish_for("openai");
  unknown.set(&model_config::model, std::string{"gpt-99"});
  REQUIRE(known.complete(unknown));
  CHECK(unknown.value.base_url == "https://api.openai.com/v1");
  CHECK_FALSE(unknown.has(&model_config::context_window));
}

TEST_CASE("providers that leave something to be said", "[catalogue]") {
  auto known = built_in();
  auto azure = wish_for("azure");
  azure.set(&model_config::model, std::string{"gpt-4o"});
  REQUIRE(known.complete(azure));
  CHECK_FALSE(azure.has(&model_config::base_url));
  CHECK(azure.value.context_window == 128'000);

  auto bare = wish_for("openai-compatible");
  REQUIRE(known.complete(bare));
  CHECK_FALSE(bare.has(&model_config::base_url));

  auto nobody = wish_for("telepathy");
  auto done = known.complete(nobody);
  REQUIRE_FALSE(done);
  CHECK(code_of(done.error()) == errc::invalid_input);
  CHECK(detail_of(done.error()).fields.at(0).path == "/provider");
}

TEST_CASE("models by id, by date and by tag", "[catalogue]") {
  auto known = built_in();
  auto id_of = [&](std::string_view provider, std::string_view model) {
    auto* found = known.find_model(*known.find(provider), model);
    return found ? found->id : "";
  };
  CHECK(id_of("openai", "gpt-4o-2024-11-20") == "gpt-4o");
  CHECK(id_of("anthropic", "claude-sonnet-4-5-20250929") == "claude-sonnet-4-5");
  CHECK(id_of("anthropic", "claude-sonnet-4-20250514") == "claude-sonnet-4");
  CHECK(id_of("ollama", "qwen3:8b") == "qwen3");
  CHECK(id_of("azure", "gpt-4o") == "gpt-4o");
  CHECK(id_of("openai-responses", "o3") == "o3");
  CHECK(id_of("openai", "gpt-4o-audio").empty());
  CHECK(id_of("openai", "").empty());
}

TEST_CASE("files are laid over the catalogue in the order of their names", "[catalogue]") {
  temp_directory folder;
  auto write = [&](const std::string& name, std::string_view text) {
    std::ofstream{folder.path() / name} << text;
  };
  write("20-second.toml", "[provider.house]\ntitle = \"Ours\"\n");
  write("10-first.toml",
        "[provider.house]\ntitle = \"?\"\ndialect = \"openai-compatible\"\ncurrency = \"EUR\"\n"
        "models = [{ id = \"m\", window = 1000, price = [\"1\", \"2\"] }]\n"
        "[provider.deepseek]\nbase_url = \"https://gateway.example/v1\"\n"
        "models = [{ id = \"deepseek-chat\", window = 64_000, output = 4_000 },"
        " { id = \"new\", window = 500 }]\n");
  write("ignored.txt", "nonsense");
  auto known = catalogue::load(folder.path().string());
  REQUIRE(known);
  auto* house = known->find("house");
  REQUIRE(house);
  CHECK(house->title == "Ours");
  CHECK(house->models.at(0).prices->currency == "EUR");
  auto* deepseek = known->find("deepseek");
  CHECK(deepseek->title == "DeepSeek");
  CHECK(deepseek->base_url == "https://gateway.example/v1");
  CHECK(deepseek->models.size() == 4);
  CHECK(known->find_model(*deepseek, "deepseek-chat")->context_window == 64'000);
  CHECK_FALSE(known->find_model(*deepseek, "deepseek-chat")->prices);

  write("30-broken.toml", "[provider.x]\ndialect = \"klingon\"\n");
  auto broken = catalogue::load(folder.path().string());
  REQUIRE_FALSE(broken);
  CHECK(sentence_of(broken.error()).find("30-broken.toml:2: ") != std::string::npos);
  CHECK(catalogue::load("/nonexistent/providers.d"));
}

TEST_CASE("a faulty file is named with its line, and changes nothing", "[catalogue]") {
  CHECK(fault_of("[provider.x]\n") == "x.toml:1: the provider \"x\" has no dialect.");
  CHECK(fault_of("[provider.openai]\nurl = \"\"\n") == "x.toml:2: a provider has no \"url\".");
  CHECK(fault_of("a = 1\n") == "x.toml:1: tables are called [provider.NAME].");
  CHECK(fault_of("[provider.openai]\nas_of = \"soon\"\n") ==
        "x.toml:2: a day is written 2026-01-31.");
  CHECK(fault_of("[provider.openai]\nmodels = [\n {window=1000} ]\n") ==
        "x.toml:3: the model has no id.");
  CHECK(fault_of("[provider.openai]\nmodels = [\n {id=\"a\"} ]\n") ==
        "x.toml:3: the model \"a\" has no window of 256 tokens or more.");
  CHECK(fault_of("[provider.openai]\nmodels = [{id=\"a\",window=256,\n price=[1,2]}]\n") != "none");
  CHECK(fault_of("[provider.openai]\nmodels = [\n{id=\"a\",window=256,price=[\"1\",\"x\"]}]\n") ==
        "x.toml:3: a price is a decimal in quotes, such as \"0.28\".");
  CHECK(fault_of("[provider.openai]\nmodels = [\n{id=\"a\",window=-5}]\n") ==
        "x.toml:3: a number of tokens is wanted here, 1 to 100,000,000.");
  CHECK(fault_of("[provider.openai]\nmodels = [\n{id=\"a\",window=256,can=[\"fly\"]}]\n") ==
        "x.toml:3: a capability is \"images\", \"tools\" or \"reasoning\".");
  CHECK(fault_of("[provider.openai]\nmodels=[\n{id=\"a\",window=256},\n{id=\"a\",window=256}]\n") ==
        "x.toml:4: the model \"a\" is there twice.");
  CHECK(fault_of("[provider.openai]\nmodels_of = \"nobody\"\n").find("is not there") !=
        std::string::npos);
  CHECK(fault_of("[provider.openai]\ncurrency = \"usd\"\n") ==
        "x.toml:2: a currency is three capital letters.");
}

TEST_CASE("doubts about configured models", "[catalogue]") {
  auto known = built_in();
  model_config model;
  model.provider = "openai";
  model.model = "gpt-99";
  CHECK(known.doubts_of(model) ==
        std::vector{model_doubt::model_unknown, model_doubt::price_missing});
  model.model = "gpt-4o";
  CHECK(known.doubts_of(model) == std::vector{model_doubt::price_missing});
  model.prices = known.find_model(*known.find("openai"), "gpt-4o")->prices;
  CHECK(known.doubts_of(model).empty());
  model.provider = "telepathy";
  CHECK(known.doubts_of(model) == std::vector{model_doubt::provider_unknown});
  model.provider = "ollama";
  model.prices.reset();
  CHECK(known.doubts_of(model).empty());
}
