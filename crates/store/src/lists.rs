//! Pages: a list's statement, its count, and the order that a request asks for.

use otaria_core::page::{Direction, PageRequest};

/// A list that is served in pages. `select` and `count` take the same arguments, `$1` to `$arguments`.
pub(crate) struct List {
    /// `SELECT … FROM … WHERE …`, without an order.
    pub(crate) select: &'static str,
    /// `SELECT COUNT(*) FROM … WHERE …`.
    pub(crate) count: &'static str,
    /// How many arguments both take.
    pub(crate) arguments: u8,
    /// What can be sorted on: the name on the wire, and the column.
    pub(crate) columns: &'static [(&'static str, &'static str)],
    /// A unique column, to make the order total.
    pub(crate) tie: &'static str,
}

/// Every list of the crate, for the test that prepares them in every order.
#[cfg(test)]
#[linkme::distributed_slice]
pub(crate) static LISTS: [&List];

impl List {
    /// The statement of one page; its last two arguments are the limit and the offset.
    pub(crate) fn page_sql(&self, request: &PageRequest) -> String {
        let mut order = Vec::new();
        let mut last = Direction::Ascending;
        for sort in &request.sort {
            if let Some((_, column)) = self.columns.iter().find(|(name, _)| *name == sort.field) {
                order.push(format!("{column} {} NULLS LAST", direction_sql(sort.direction)));
                last = sort.direction;
            }
        }
        order.push(format!("{} {}", self.tie, direction_sql(last)));
        let (limit, offset) = (self.arguments + 1, self.arguments + 2);
        format!("{} ORDER BY {} LIMIT ${limit} OFFSET ${offset}", self.select, order.join(", "))
    }
}

const fn direction_sql(direction: Direction) -> &'static str {
    match direction {
        Direction::Ascending => "ASC",
        Direction::Descending => "DESC",
    }
}

/// A list, collected when testing.
macro_rules! list {
    ($name:ident = $list:expr) => {
        static $name: $crate::lists::List = $list;
        #[cfg(test)]
        #[linkme::distributed_slice($crate::lists::LISTS)]
        static COLLECTED: &$crate::lists::List = &$name;
    };
}

/// One page of a list, and how many elements the list has. `$row` is the type of its rows.
macro_rules! fetch_page {
    ($conn:expr, $list:expr, $request:expr, $row:ty $(, $arg:expr)* $(,)?) => {{
        async {
            let counted: (i64,) = $crate::sql::on_engine!($conn, query_as [_], fetch_one, $list.count $(, $arg)*)?;
            let sql = $list.page_sql($request);
            let rows: Vec<$row> = $crate::sql::on_engine!(
                $conn, query_as [_], fetch_all, sqlx::AssertSqlSafe(sql)
                $(, $arg)*, $request.size, $request.offset()
            )?;
            Ok::<_, $crate::Error>((rows, counted.0))
        }
        .await
    }};
}

pub(crate) use {fetch_page, list};
