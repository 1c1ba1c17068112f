#include "base/describe.h"

#include <gtest/gtest.h>

namespace sluice {

enum class Colour { kRed, kGreen };

template <>
struct EnumNames<Colour> {
  static constexpr std::array<std::string_view, 2> kNames{"Red", "Green"};
};

namespace {

using namespace std::chrono_literals;

struct Wheel {
  std::int32_t spokes = 32;
  bool operator==(const Wheel&) const = default;
};

struct Engine {
  std::optional<Wheel> electric = {};
  std::optional<Wheel> petrol = {};
  bool operator==(const Engine&) const = default;
};

struct Car {
  std::string name;
  Colour colour = Colour::kGreen;
  bool is_sold = false;
  double weight = 0.5;
  Share share{500};
  Duration age = 5min;
  Wheel spare = {};
  std::vector<Wheel> wheels = {};
  std::map<std::string, std::string> labels = {};
  std::optional<std::int64_t> price = {};
  std::optional<Engine> engine = {};
  bool operator==(const Car&) const = default;
};

template <class Io>
void describe(Io& io, Wheel& wheel) {
  io.defaulted("spokes", wheel.spokes, {.doc = "How many.", .min = 1, .max = 64});
}

template <class Io>
void describe(Io& io, Engine& engine) {
  io.optional("electric", engine.electric);
  io.optional("petrol", engine.petrol);
  io.exactly_one();
}

template <class Io>
void describe(Io& io, Car& car) {
  io.required("name", car.name, {.doc = "Its name.", .min_length = 1, .max_length = 8});
  io.defaulted("colour", car.colour);
  io.defaulted("isSold", car.is_sold);
  io.defaulted("weight", car.weight);
  io.defaulted("share", car.share);
  io.defaulted("age", car.age);
  io.defaulted("spare", car.spare);
  io.defaulted("wheels", car.wheels, {.max_items = 4});
  io.defaulted("labels", car.labels);
  io.optional("price", car.price);
  io.optional("engine", car.engine);
  io.rule("self.weight >= 0.0", "a car has no negative weight", car.weight >= 0.0);
}

std::vector<std::string> errors_of(std::string_view text, bool is_strict = false) {
  const auto document = JsonDocument::parse(text);
  EXPECT_TRUE(document) << text;
  Reader reader(is_strict);
  Car car;
  reader.read(document->root(), car, {});
  return reader.errors();
}

TEST(Describe, WritesAndReadsBackTheSame) {
  Car car{.name = "käfer \"1\"\n",
          .colour = Colour::kRed,
          .is_sold = false,
          .weight = 0.1,
          .share = Share{25},
          .age = 90s,
          .spare = {.spokes = 1},
          .wheels = {{2}, {3}},
          .labels = {{"a/b", "c"}},
          .price = 0,
          .engine = Engine{.electric = Wheel{}}};
  const auto read = from_json<Car>(to_json(car));
  ASSERT_FALSE(read) << "the name has nine characters";
  car.name = "käfer \"1";
  const auto again = from_json<Car>(to_json(car));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, car);
}

TEST(Describe, ZeroAndFalseAreWritten) {
  const std::string text = to_json(Car{.name = "a", .weight = 0});
  EXPECT_NE(text.find("\"isSold\":false"), std::string::npos) << text;
  EXPECT_NE(text.find("\"weight\":0"), std::string::npos) << text;
  EXPECT_EQ(text.find("price"), std::string::npos) << text;
}

TEST(Describe, CollectsEveryErrorWithItsPath) {
  const auto errors = errors_of(
      R"({"colour":"Blue","weight":"x","share":"101%","age":"soon",
          "wheels":[{"spokes":0},{"spokes":1.5}],"engine":{"electric":{},"petrol":{}}})");
  ASSERT_EQ(errors.size(), 8U);
  EXPECT_EQ(errors[0], ".name: is required");
  EXPECT_EQ(errors[1], R"(.colour: must be one of Red, Green, not "Blue")");
  EXPECT_EQ(errors[5], ".wheels[0].spokes: must be at least 1, not 0");
  EXPECT_EQ(errors[6], ".wheels[1].spokes: must be a whole number, not 1.5");
  EXPECT_EQ(errors[7], ".engine: exactly one of electric, petrol must be set, not 2");
}

TEST(Describe, RulesSpeakWhenTheFieldsAreFine) {
  EXPECT_EQ(errors_of(R"({"name":"a","weight":-1})"),
            std::vector<std::string>{"a car has no negative weight"});
}

TEST(Describe, NullCountsAsAbsent) {
  EXPECT_TRUE(errors_of(R"({"name":"a","price":null,"wheels":null})").empty());
  EXPECT_EQ(errors_of(R"({"name":null})").front(), ".name: is required");
}

TEST(Describe, OnlyStrictReadersRefuseUnknownFields) {
  EXPECT_TRUE(errors_of(R"({"name":"a","wings":2})").empty());
  EXPECT_EQ(errors_of(R"({"name":"a","spare":{"wings":2}})", true).front(),
            ".spare.wings: is not a known field");
}

TEST(Describe, SchemaSaysTypesDefaultsAndBounds) {
  const std::string schema = schema_of<Car>();
  for (
      const char* part :
      {R"("required":["name"])",
       R"("default":"Green","enum":["Red","Green"])",
       R"("spokes":{"type":"integer","format":"int32","description":"How many.","default":32,"minimum":1,"maximum":64})",
       R"("minProperties":1,"maxProperties":1)",
       R"("default":"5%")",
       R"("maxItems":4)",
       R"("x-kubernetes-validations":[{"rule":"self.weight >= 0.0")"}) {
    EXPECT_NE(schema.find(part), std::string::npos) << part << "\n" << schema;
  }
  EXPECT_TRUE(JsonDocument::parse(schema));
}

TEST(Json, RefusesWhatIsNotJson) {
  for (const char* text : {"", "{", "{\"a\":}", "nul", "\"\xFF\""}) {
    EXPECT_FALSE(JsonDocument::parse(text)) << text;
  }
}

TEST(Yaml, ReadsTheTypesThatKubernetesReads) {
  const auto document =
      JsonDocument::parse_yaml("a: 1\nb: 1.5\nc: 'x'\nd: yes\ne: [true, ~, \"2\"]\nf: 5%\n");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->root().text(),
            R"({"a":1,"b":1.5,"c":"x","d":"yes","e":[true,null,"2"],"f":"5%"})");
}

TEST(Yaml, RefusesSeveralDocumentsAndNonsense) {
  EXPECT_FALSE(JsonDocument::parse_yaml("a: 1\n---\nb: 2\n"));
  EXPECT_FALSE(JsonDocument::parse_yaml("a: [1"));
  EXPECT_FALSE(JsonDocument::parse_yaml(""));
}

}  // namespace
}  // namespace sluice
