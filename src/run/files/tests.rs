#![allow(clippy::unwrap_used)]
use super::*;
use std::process::Command;

fn tree(files: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    root
}

fn found(root: &Path, cwd: &str, patterns: &[&str]) -> Vec<String> {
    find(root, &root.join(cwd), patterns).unwrap().into_iter().map(|file| file.name).collect()
}

fn inputs(root: &Path, patterns: Option<&[&str]>) -> Vec<String> {
    let patterns: Option<Vec<String>> =
        patterns.map(|patterns| patterns.iter().map(|pattern| (*pattern).to_owned()).collect());
    let inputs = Inputs::new(root, patterns.as_deref(), &root.join("out")).unwrap();
    inputs.list().unwrap().files.into_iter().map(|file| file.name).collect()
}

#[test]
fn globs_match() {
    let yes = [
        ("*.ts", "a.ts"),
        ("**/*.ts", "a.ts"),
        ("**/*.ts", "a/b/c.ts"),
        ("a/**", "a/b/c"),
        ("a/**/c", "a/c"),
        ("{a,b/c}/*.{ts,js}", "b/c/x.js"),
        ("a[0-9].ts", "a7.ts"),
        ("a[!0-9].ts", "ab.ts"),
        ("\\[id\\].ts", "[id].ts"),
        ("./a/../b", "b"),
        (".*", ".env"),
        ("a/", "a/b/c"),
        ("**/node_modules/x/*", "p/node_modules/x/y"),
        ("../b/*", "../b/c"),
        ("a?", "ab"),
        ("é*", "éü"),
    ];
    let no = [
        ("*.ts", "a/b.ts"),
        ("*", ".env"),
        ("**", "a/.b/c"),
        ("**", "node_modules/a"),
        (".*/config", ".git/config"),
        ("a/**", "a"),
        ("a", "a/b"),
        ("../b/*", "b/c"),
        ("a[0-9]", "ab"),
        ("*.TS", "a.ts"),
    ];
    for (pattern, path) in yes {
        assert!(Globs::new(&[pattern]).unwrap().matches(path), "{pattern} {path}");
    }
    for (pattern, path) in no {
        assert!(!Globs::new(&[pattern]).unwrap().matches(path), "{pattern} {path}");
    }
}

#[test]
fn wrong_patterns_are_errors() {
    for pattern in ["{a", "a}b", "", "/a", "a\\", "!a", "[", "{a,b,c,d}{a,b,c,d}{a,b,c,d}{a,b,c,d}{a,b,c,d}{a,b}"] {
        assert!(Globs::new(&[pattern]).is_err(), "{pattern}");
    }
}

#[test]
fn files_are_found_sorted_from_the_root() {
    let root = tree(&[
        "b.test.ts",
        "a/c.test.ts",
        "a/.d.test.ts",
        "a/node_modules/x.test.ts",
        ".git/x.test.ts",
        "gen/e.test.ts",
        ".gitignore",
    ]);
    fs::write(root.path().join(".gitignore"), "gen/\n").unwrap();
    let root = root.path();
    assert_eq!(found(root, "", &["**/*.test.ts"]), ["a/c.test.ts", "b.test.ts", "gen/e.test.ts"]);
    assert_eq!(found(root, "a", &["*.test.ts", "../b*"]), ["a/c.test.ts", "b.test.ts"]);
    assert_eq!(found(root, "", &["!a", "**/*.ts"]), ["b.test.ts", "gen/e.test.ts"]);
    assert_eq!(found(root, "", &["a/node_modules/*"]), ["a/node_modules/x.test.ts"]);
    assert_eq!(found(&root.join("a"), "", &["../gen/*"]), ["../gen/e.test.ts"]);
    let request = serde_json::json!({ "root": root, "cwd": root, "patterns": ["b*"] });
    assert_eq!(find_files(&request.to_string()).unwrap(), r#"["b.test.ts"]"#);
}

#[test]
fn inputs_are_what_is_named_with_dots_and_folders_whole() {
    let root = tree(&["src/a", "src/.env", "src/d/b", "out/x", ".ephemeral-broker/y", "other"]);
    assert_eq!(inputs(root.path(), Some(&["src"])), ["src/.env", "src/a", "src/d/b"]);
    assert_eq!(inputs(root.path(), Some(&["**", "!src/d"])), ["other", "src/.env", "src/a"]);
    let nothing = Inputs::new(root.path(), Some(&["scr/**".to_owned()]), &root.path().join("out")).unwrap();
    assert!(matches!(nothing.list(), Err(FilesError::NoInputs { .. })));
    assert!(Inputs::new(root.path(), None, root.path()).is_err());
    assert!(prepare_output(root.path(), root.path()).is_err());
}

#[test]
fn without_a_repository_the_rules_from_the_root_on_count() {
    let root = tree(&["p/.gitignore", "p/a", "p/ignored", "p/.hidden", "p/node_modules/m"]);
    fs::write(root.path().join(".gitignore"), "*\n").unwrap();
    fs::write(root.path().join("p/.gitignore"), "ignored\n").unwrap();
    assert_eq!(inputs(&root.path().join("p"), None), [".gitignore", ".hidden", "a"]);
}

fn git(root: &Path, arguments: &[&str]) -> bool {
    let identity = ["-c", "user.name=x", "-c", "user.email=x@y", "-c", "protocol.file.allow=always"];
    Command::new("git")
        .current_dir(root)
        .args(identity)
        .args(arguments)
        .output()
        .is_ok_and(|output| output.status.success())
}

/// What `git ls-files` says.
fn git_lists(root: &Path) -> Vec<String> {
    let output =
        Command::new("git").current_dir(root).args(["ls-files", "-co", "--exclude-standard", "-z"]).output().unwrap();
    let mut names: Vec<String> =
        String::from_utf8(output.stdout).unwrap().split_terminator('\0').map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn in_a_repository_the_list_is_gits() {
    let root = tree(&[
        "a",
        "sub/b",
        "sub/ignored/kept",
        "sub/ignored/other",
        "x.log",
        "é",
        "deep/x/y/z",
        ".hidden/h",
        "build/out",
    ]);
    let root = root.path();
    if !git(root, &["init", "-q"]) {
        return;
    }
    fs::write(root.join(".gitignore"), "*.log\nbuild/\n!deep/*.log\n").unwrap();
    fs::write(root.join("sub/.gitignore"), "ignored/*\n").unwrap();
    assert!(git(root, &["add", "-f", "a", "sub/ignored/kept", "x.log", "é"]));
    for version in ["2", "3", "4"] {
        assert!(git(root, &["update-index", "--index-version", version]) || version == "3");
        assert_eq!(inputs(root, None), git_lists(root), "version {version}");
    }
    assert!(git(root, &["update-index", "--split-index"]) && git(root, &["add", "-f", "build/out"]));
    assert_eq!(inputs(root, None), git_lists(root));
    assert_eq!(inputs(&root.join("sub"), None), git_lists(&root.join("sub")));
    // An ignored root has inputs all the same.
    fs::create_dir_all(root.join("build/app")).unwrap();
    fs::write(root.join("build/app/main"), "").unwrap();
    assert_eq!(inputs(&root.join("build/app"), None), ["main"]);
    fs::write(root.join(".git/index"), "DIRC").unwrap();
    assert!(matches!(Inputs::new(root, None, &root.join("out")).unwrap().list(), Err(FilesError::Index { .. })));
}

#[test]
fn the_output_is_kept_out_of_git() {
    let root = tree(&["a"]);
    let output = root.path().join(OUTPUT);
    prepare_output(root.path(), &output).unwrap();
    assert_eq!(fs::read_to_string(output.join(".gitignore")).unwrap(), "*\n");
    fs::write(output.join(".gitignore"), "mine").unwrap();
    prepare_output(root.path(), &output).unwrap();
    assert_eq!(fs::read_to_string(output.join(".gitignore")).unwrap(), "mine");
}
