#pragma once
// describe: one template a struct says everything about its JSON form; three visitors use it.
//   Reader  JSON -> struct, collecting every error with its path (".steps[1].weight: …")
//   Writer  struct -> JSON
//   Schema  struct -> the OpenAPI v3 schema of a CustomResourceDefinition
//
//   template <class Io> void describe(Io& io, Step& step) {
//     io.optional("weight", step.weight, {.doc = "Share of traffic for the candidate."});
//   }
//
// Declare the template beside the struct, define it in the .cc and end that with
// SLUICE_DESCRIBED(Step). Member initialisers are the defaults. Three verbs:
//   required   must be there
//   defaulted  a plain member, always written, so that 0 and false survive
//   optional   std::optional, left out only when empty
// A union is a struct of optionals with io.exactly_one(): one property, no more and no less.

#include "base/describe_reader.h"
#include "base/describe_schema.h"
#include "base/describe_writer.h"

// Instantiates a struct's describe for the closed set of visitors.
#define SLUICE_DESCRIBED(Type)                               \
  template void describe(::sluice::Reader& io, Type& value); \
  template void describe(::sluice::Writer& io, Type& value); \
  template void describe(::sluice::Schema& io, Type& value)

namespace sluice {

// Reads a struct from JSON text, or says all that is wrong with it. Lenient: unknown members pass.
template <class T>
[[nodiscard]] Result<T> from_json(std::string_view text) {
  auto document = JsonDocument::parse(text);
  if (!document) {
    return fail(document.error());
  }
  Reader reader;
  T value{};
  reader.read(document->root(), value, {});
  if (!reader.ok()) {
    return fail(ErrorCode::kInvalid, reader.summary());
  }
  return value;
}

template <class T>
[[nodiscard]] std::string to_json(const T& value) {
  Writer writer;
  writer.write(value);
  return writer.take();
}

// The struct's schema as JSON text.
template <class T>
[[nodiscard]] std::string schema_of() {
  return Schema::of<T>(Field{});
}

}  // namespace sluice
