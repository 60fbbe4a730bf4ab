// SPDX-License-Identifier: Apache-2.0
//! The official engine as a program, for comparison only.
//!
//!   cedar-rust serve              one JSON request a line on stdin, one answer a line: its foreign-function interface, and
//!                                 `authorize-many` and `validate-ext`, which that has not
//!   cedar-rust bench DIR MS       DIR/policies.cedar, entities.json and requests.jsonl are read and prepared; then requests are
//!                                 answered for MS milliseconds; prints the median of the time of one, in ns, as JSON

use cedar_policy::ffi;
use serde_json::{json, Value};
use std::io::{BufRead, Write};
use std::str::FromStr;

fn j<T: serde::Serialize>(t: T) -> String { serde_json::to_string(&t).unwrap() }
fn de<T: serde::de::DeserializeOwned>(v: Value) -> Result<T, String> { serde_json::from_value(v).map_err(|e| e.to_string()) }

fn validate_ext(m: &serde_json::Map<String, Value>) -> Result<String, String> {
    use cedar_policy::*;
    let schema = match &m["schema"] {
        Value::String(s) => Schema::from_cedarschema_str(s).map_err(|e| e.to_string())?.0,
        v => Schema::from_json_value(v.clone()).map_err(|e| e.to_string())?,
    };
    let ps = match m.get("policyText") {
        Some(t) => PolicySet::from_str(t.as_str().ok_or("policyText")?).map_err(|e| e.to_string())?,
        None => de::<ffi::PolicySet>(m["policies"].clone())?.parse().map_err(|e| format!("{:?}", e))?,
    };
    let mode = if m.get("mode").and_then(|x| x.as_str()) == Some("permissive") { ValidationMode::Permissive } else { ValidationMode::Strict };
    let v = Validator::new(schema);
    let r = match m.get("level").and_then(|x| x.as_u64()) {
        Some(l) => v.validate_with_level(&ps, mode, l as u32),
        None => v.validate(&ps, mode),
    };
    let errs: Vec<Value> = r.validation_errors().map(|e| json!({"policyId": e.policy_id().to_string(), "message": e.to_string(), "dbg": format!("{:?}", e).split(['(', ' ', '{']).next().unwrap_or("")})).collect();
    let warns: Vec<Value> = r.validation_warnings().map(|e| json!({"policyId": e.policy_id().to_string(), "message": e.to_string()})).collect();
    Ok(json!({"type":"success","validationErrors":errs,"validationWarnings":warns}).to_string())
}

fn many(m: &serde_json::Map<String, Value>) -> Result<String, String> {
    use cedar_policy::*;
    let ps = de::<ffi::PolicySet>(m["policies"].clone())?.parse().map_err(|e| format!("{:?}", e))?;
    let schema = match m.get("schema") {
        None | Some(Value::Null) => None,
        Some(Value::String(s)) => Some(Schema::from_cedarschema_str(s).map_err(|e| e.to_string())?.0),
        Some(v) => Some(Schema::from_json_value(v.clone()).map_err(|e| e.to_string())?),
    };
    let ents = match Entities::from_json_value(m["entities"].clone(), schema.as_ref()) {
        Ok(e) => e,
        Err(e) => return Ok(json!({"type":"failure","message":e.to_string()}).to_string()),
    };
    let auth = Authorizer::new();
    let uid = |v: &Value| EntityUid::from_json(v.clone()).map_err(|e| e.to_string());
    let mut out = vec![];
    for r in m["requests"].as_array().ok_or("requests")? {
        let answer = (|| -> Result<Value, String> {
            let (p, a, q) = (uid(&r["principal"])?, uid(&r["action"])?, uid(&r["resource"])?);
            let c = Context::from_json_value(r["context"].clone(), schema.as_ref().map(|s| (s, &a))).map_err(|e| e.to_string())?;
            let q = Request::new(p, a, q, c, schema.as_ref()).map_err(|e| e.to_string())?;
            let x = auth.is_authorized(&q, &ps, &ents);
            let mut reason: Vec<String> = x.diagnostics().reason().map(|i| i.to_string()).collect();
            reason.sort();
            let mut errors: Vec<Value> = x.diagnostics().errors().map(|e| match e { AuthorizationError::PolicyEvaluationError(e) => json!([e.policy_id().to_string(), e.inner().to_string()]) }).collect();
            errors.sort_by_key(|e| e.to_string());
            Ok(json!({"decision": if x.decision() == Decision::Allow { "allow" } else { "deny" }, "reason": reason, "errors": errors}))
        })();
        out.push(match answer { Ok(v) => v, Err(e) => json!({"failure": e}) });
    }
    Ok(json!({"type":"success","answers":out}).to_string())
}

fn one(line: &str) -> Result<String, String> {
    let v: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
    let mut m = match v { Value::Object(m) => m, _ => return Err("not an object".into()) };
    let op = m.remove("op").and_then(|x| x.as_str().map(str::to_string)).ok_or("no op")?;
    let rest = || Value::Object(m.clone());
    // text keeps duplicate keys for the calls that take strings
    Ok(match op.as_str() {
        "authorize" => ffi::is_authorized_json_str(&j(rest())).map_err(|e| e.to_string())?,
        "partial" => ffi::is_authorized_partial_json_str(&j(rest())).map_err(|e| e.to_string())?,
        "validate" => ffi::validate_json_str(&j(rest())).map_err(|e| e.to_string())?,
        "authorize-many" => many(&m)?,
        "validate-ext" => validate_ext(&m)?,
        "parse-policies" => ffi::check_parse_policy_set_json_str(&j(&m["policies"])).map_err(|e| e.to_string())?,
        "parse-schema" => ffi::check_parse_schema_json_str(&j(&m["schema"])).map_err(|e| e.to_string())?,
        "parse-entities" => ffi::check_parse_entities_json_str(&j(rest())).map_err(|e| e.to_string())?,
        "parse-context" => ffi::check_parse_context_json_str(&j(rest())).map_err(|e| e.to_string())?,
        "policy-to-json" => j(ffi::policy_to_json(de(m["policy"].clone())?)),
        "policy-to-text" => j(ffi::policy_to_text(de(m["policy"].clone())?)),
        "template-to-json" => j(ffi::template_to_json(de(m["policy"].clone())?)),
        "template-to-text" => j(ffi::template_to_text(de(m["policy"].clone())?)),
        "schema-to-json" => j(ffi::schema_to_json(de(m["schema"].clone())?)),
        "schema-to-text" => j(ffi::schema_to_text(de(m["schema"].clone())?)),
        "schema-resolved" => j(ffi::schema_to_json_with_resolved_types(m["schema"].as_str().ok_or("schema must be text")?)),
        "format" => ffi::format_json_str(&j(rest())).map_err(|e| e.to_string())?,
        "version" => json!({"sdk": cedar_policy::get_sdk_version().to_string(), "lang": cedar_policy::get_lang_version().to_string()}).to_string(),
        o => return Err(format!("unknown op {o}")),
    })
}

fn serve() {
    std::panic::set_hook(Box::new(|_| {}));
    let out = std::io::stdout();
    let mut out = std::io::BufWriter::new(out.lock());
    let mut inp = std::io::stdin().lock();
    let mut line = String::new();
    loop {
        line.clear();
        if inp.read_line(&mut line).unwrap_or(0) == 0 { break; }
        if line.trim().is_empty() { continue; }
        let r = std::panic::catch_unwind(|| one(&line));
        let s = match r { Ok(Ok(s)) => s, Ok(Err(e)) => json!({"type":"exception","message":e}).to_string(), Err(_) => json!({"type":"exception","message":"panic"}).to_string() };
        writeln!(out, "{s}").unwrap();
        out.flush().unwrap();
    }
}

fn bench(dir: &str, ms: u64) {
    use cedar_policy::*;
    let read = |n: &str| std::fs::read_to_string(format!("{dir}/{n}")).unwrap();
    let start = std::time::Instant::now();
    let ps = PolicySet::from_str(&read("policies.cedar")).unwrap();
    let parse = start.elapsed();
    let ents = Entities::from_json_str(&read("entities.json"), None).unwrap();
    let requests: Vec<Request> = read("requests.jsonl").lines().map(|l| {
        let v: Value = serde_json::from_str(l).unwrap();
        let uid = |k: &str| EntityUid::from_json(v[k].clone()).unwrap();
        Request::new(uid("principal"), uid("action"), uid("resource"), Context::from_json_value(v["context"].clone(), None).unwrap(), None).unwrap()
    }).collect();
    let auth = Authorizer::new();
    let mut allowed = 0u64;
    let mut times: Vec<u64> = vec![];
    let end = std::time::Instant::now() + std::time::Duration::from_millis(ms);
    // A sample is as many passes over all requests as take 50 us or more.
    let mut passes = 1u64;
    while std::time::Instant::now() < end || times.len() < 3 {
        let t = std::time::Instant::now();
        for _ in 0..passes {
            for r in &requests {
                allowed += (auth.is_authorized(r, &ps, &ents).decision() == Decision::Allow) as u64;
            }
        }
        let ns = t.elapsed().as_nanos() as u64;
        if ns < 50_000 { passes *= 2; continue; }
        times.push(ns / (passes * requests.len() as u64));
    }
    times.sort();
    println!("{}", json!({"engine": "rust", "median_ns": times[times.len() / 2], "min_ns": times[0], "samples": times.len(), "parse_us": parse.as_micros() as u64, "allowed": allowed > 0}));
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.len() == 4 && args[1] == "bench" {
        return bench(&args[2], args[3].parse().expect("MS"));
    }
    if args.len() > 1 && args[1] != "serve" {
        eprintln!("usage: cedar-rust serve | bench DIR MS");
        std::process::exit(2);
    }
    std::thread::Builder::new().stack_size(1 << 30).spawn(serve).unwrap().join().unwrap();
}
