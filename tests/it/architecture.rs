//! The modules of the program: they import only from the layers below them, and not from each other in
//! cycles (docs/architecture.md).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

/// The layers, from the top. A module imports from its own layer and from those after it.
const LAYERS: [&[&str]; 9] = [
    &["cli", "benchmarks", "fuzzing"],
    &["app"],
    &["http"],
    &["graphql"],
    &["auth", "exports", "imports", "covers"],
    &["store", "book_files"],
    &["entity"],
    &["input"],
    &[
        "allocator",
        "background_thread",
        "byte_counter",
        "fair_queue",
        "config",
        "telemetry",
        "clock",
        "id",
        "client_ip",
    ],
];

/// GraphQL types refer to each other, as the schema does: a book has an owner, who has books.
const MAY_BE_CYCLIC: &str = "graphql::types::";

/// Every module, and the modules that it imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn every_module_belongs_to_a_layer() {
    let unknown: Vec<_> = imports().into_keys().filter(|module| layer(module).is_none()).collect();
    assert!(unknown.is_empty(), "add these modules to LAYERS: {unknown:?}");
}

#[test]
fn no_module_imports_from_a_layer_above() {
    let imports = imports();
    let upward = edges(&imports).filter(|(from, to)| layer(to) < layer(from));
    let upward: Vec<_> = upward.map(|(from, to)| format!("{from} imports {to}")).collect();
    assert!(upward.is_empty(), "imports from a layer above:\n{}", upward.join("\n"));
}

#[test]
fn no_module_imports_itself_through_others() {
    let imports = imports();
    let reachable: BTreeMap<&str, BTreeSet<&str>> =
        imports.keys().map(|module| (module.as_str(), reachable(&imports, module))).collect();
    let in_cycle = |from: &str, to: &str| reachable[to].contains(from);
    let cyclic = edges(&imports)
        .filter(|(from, to)| in_cycle(from, to))
        .filter(|(from, to)| !(from.starts_with(MAY_BE_CYCLIC) && to.starts_with(MAY_BE_CYCLIC)));
    let cyclic: Vec<_> = cyclic.map(|(from, to)| format!("{from} imports {to}")).collect();
    assert!(cyclic.is_empty(), "these imports form cycles:\n{}", cyclic.join("\n"));
}

#[test]
fn imports_are_found_in_every_form() {
    let modules = ["a", "a::b", "a::c", "d"].map(str::to_owned).into();
    let text =
        "use super::c::{self, X};\npub(super) use crate::d::{Y, z};\nfn f() { crate::a::g() }
        // crate::d::comment\n#[cfg(test)]\nmod tests {\n    use crate::unknown;\n}\n";
    assert_eq!(imported("a::b", text, &modules), ["a", "a::c", "d"].map(str::to_owned).into());
    let parent = imported("a", "mod b;\npub use b::B;\n", &modules);
    assert_eq!(parent, ["a::b"].map(str::to_owned).into());
}

fn layer(module: &str) -> Option<usize> {
    let top = module.split("::").next().unwrap_or_default();
    LAYERS.iter().position(|layer| layer.contains(&top))
}

fn edges(imports: &Imports) -> impl Iterator<Item = (&str, &str)> {
    imports.iter().flat_map(|(from, to)| to.iter().map(|to| (from.as_str(), to.as_str())))
}

fn reachable<'a>(imports: &'a Imports, from: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&str> = imports[from].iter().map(String::as_str).collect();
    while let Some(module) = next.pop() {
        if found.insert(module) {
            next.extend(imports[module].iter().map(String::as_str));
        }
    }
    found
}

fn imports() -> Imports {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut texts = BTreeMap::new();
    read_modules(&source, "", &mut texts);
    let modules: BTreeSet<String> = texts.keys().cloned().collect();
    assert!(modules.len() > 100, "found only {} modules", modules.len());
    texts.iter().map(|(module, text)| (module.clone(), imported(module, text, &modules))).collect()
}

/// Reads the files of a folder, by the path of the module that each is.
fn read_modules(folder: &Path, parent: &str, texts: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("a folder of source files") {
        let path = entry.expect("an entry of a folder").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a file name");
        let module = if parent.is_empty() { name.into() } else { format!("{parent}::{name}") };
        if path.is_dir() {
            read_modules(&path, &module, texts);
        } else if !matches!(module.as_str(), "main" | "lib") {
            texts.insert(module, fs::read_to_string(&path).expect("a source file"));
        }
    }
}

/// The modules that the text of a module imports: in `use` declarations, and in paths that begin with
/// `crate` or with the name of a child. Unit tests do not count.
fn imported(module: &str, text: &str, modules: &BTreeSet<String>) -> BTreeSet<String> {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let text = IGNORED.replace_all(text, "");
    let mut paths: Vec<_> =
        INLINE_PATH.find_iter(&text).map(|path| path.as_str().to_owned()).collect();
    for declaration in USE.captures_iter(&text) {
        expand(&declaration[1].replace(char::is_whitespace, ""), &mut paths);
    }
    let found = paths.iter().filter_map(|path| resolve(module, path, modules));
    found.filter(|found| found != module).collect()
}

static IGNORED: LazyLock<Regex> = LazyLock::new(|| pattern(r"//.*|pub\(in [\w:]+\)"));
static USE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^\s*(?:pub(?:\(\w+\))?\s+)?use\s+([^;]+);"));
static INLINE_PATH: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b[a-z_]+::[\w:]+"));

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern")
}

/// Expands `a::{b, c::{d, e}}` to the paths that it abbreviates.
fn expand(tree: &str, paths: &mut Vec<String>) {
    let Some((prefix, rest)) = tree.split_once('{') else {
        return paths.push(tree.to_owned());
    };
    let items = rest.strip_suffix('}').unwrap_or(rest);
    let (mut depth, mut start) = (0, 0);
    for (index, c) in items.char_indices().chain([(items.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&format!("{prefix}{}", &items[start..index]), paths);
                start = index + 1;
            }
            _ => {}
        }
    }
}

/// The longest prefix of a path that is a module.
fn resolve(module: &str, path: &str, modules: &BTreeSet<String>) -> Option<String> {
    let parent =
        |module: &str| module.rsplit_once("::").map_or("", |(parent, _)| parent).to_owned();
    let mut base = module.to_owned();
    let mut path = path;
    if let Some(rest) = path.strip_prefix("crate::") {
        (base, path) = (String::new(), rest);
    }
    while let Some(rest) = path.strip_prefix("super::") {
        (base, path) = (parent(&base), rest);
    }
    let path = path.strip_prefix("self::").unwrap_or(path);
    let mut path = if base.is_empty() { path.to_owned() } else { format!("{base}::{path}") };
    while !path.is_empty() && !modules.contains(&path) {
        path = parent(&path);
    }
    (!path.is_empty()).then_some(path)
}
