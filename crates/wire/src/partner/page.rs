use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::Ref;
use utoipa::openapi::schema::{Array, ArrayBuilder};

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageOut<T> {
    /// Zero-based index of this page.
    #[schema(minimum = 0)]
    pub number: i64,
    /// How many elements a full page holds, 1–1000.
    #[schema(minimum = 1, maximum = 1000)]
    pub size: i64,
    /// How many pages of this size the whole list makes.
    #[schema(minimum = 0)]
    pub total_pages: i64,
    /// How many elements this page holds.
    #[schema(minimum = 0)]
    pub number_of_elements: i64,
    /// How many elements the whole list holds.
    #[schema(minimum = 0)]
    pub total_elements: i64,
    /// The elements, in the order that `sort` names.
    #[schema(schema_with = elements::<T>)]
    pub content: Vec<T>,
    /// The order in words, such as `updatedTimestamp: DESC`; several criteria are joined by a comma.
    pub sort: String,
}

/// Names the element's schema instead of copying it into every list.
fn elements<T: ToSchema>() -> Array {
    ArrayBuilder::new()
        .items(Ref::from_schema_name(T::name()))
        .description(Some("The elements, in the order that `sort` names."))
        .build()
}

#[cfg(test)]
mod tests {
    use utoipa::OpenApi;

    use super::*;
    use crate::partner::{PoolImageOut, PushOut};

    #[test]
    fn members_come_in_the_order_of_the_contract() {
        let page = PageOut {
            number: 0,
            size: 50,
            total_pages: 1,
            number_of_elements: 2,
            total_elements: 2,
            content: vec!["a", "b"],
            sort: "createdTimestamp: DESC".into(),
        };
        insta::assert_snapshot!(serde_json::to_string(&page).unwrap(), @r#"{"number":0,"size":50,"totalPages":1,"numberOfElements":2,"totalElements":2,"content":["a","b"],"sort":"createdTimestamp: DESC"}"#);
    }

    #[test]
    fn each_list_has_a_schema_of_its_own() {
        #[expect(dead_code, reason = "only its document counts")]
        #[utoipa::path(get, path = "/images", responses((status = 200, body = PageOut<PoolImageOut>)))]
        fn images() {}
        #[expect(dead_code, reason = "only its document counts")]
        #[utoipa::path(get, path = "/pushes", responses((status = 200, body = PageOut<PushOut>)))]
        fn pushes() {}
        #[derive(OpenApi)]
        #[openapi(paths(images, pushes))]
        struct Document;
        let document = serde_json::to_value(Document::openapi()).unwrap();
        let schemas = &document["components"]["schemas"];
        for (page, element) in [("PageOut_PoolImageOut", "PoolImageOut"), ("PageOut_PushOut", "PushOut")] {
            let items = &schemas[page]["properties"]["content"]["items"];
            assert_eq!(items["$ref"], format!("#/components/schemas/{element}"));
            assert_eq!(schemas[element]["type"], "object", "{element}");
        }
        assert_eq!(schemas["PushState"]["type"], "string");
    }
}
