#include "controllers/rag_index/requests.h"

#include "base/json_writer.h"

namespace sluice::rag_index {
namespace {

struct Render {
  const kube::ObjectMeta& index;

  [[nodiscard]] kube::ObjectKey key(const std::string& name) const {
    return {index.namespace_name, name};
  }

  [[nodiscard]] ApiRequest application_of(const Manifest& wanted) const {
    ApiRequest request = apply_object(wanted.kind, key(wanted.name), wanted.body);
    request.force = true;  // Fields of ours that others changed are ours again.
    return request;
  }

  std::optional<ApiRequest> operator()(const Apply& apply) const {
    return application_of(apply.manifest);
  }

  std::optional<ApiRequest> operator()(const ApplyToken& apply) const {
    return application_of(apply.manifest);
  }

  std::optional<ApiRequest> operator()(const Delete& removal) const {
    return delete_object(removal.kind, key(removal.name), {.uid = removal.uid});
  }

  std::optional<ApiRequest> operator()(const SetLabel& set) const {
    JsonWriter json;
    json.begin_object().key("metadata").begin_object().key("labels").begin_object();
    json.member(set.label, std::string_view(set.value));
    json.end_object().end_object().end_object();
    return merge_patch(set.kind, key(set.name), json.take(), {.uid = set.uid});
  }

  std::optional<ApiRequest> operator()(const Announce&) const { return std::nullopt; }
};

}  // namespace

std::optional<ApiRequest> request_of(const Action& action, const kube::ObjectMeta& index) {
  return std::visit(Render{index}, action);
}

}  // namespace sluice::rag_index
