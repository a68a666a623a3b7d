//! A MetalBond peer on the crate `rustbond`, made to be steered by a test: commands come as lines
//! on stdin, everything that happens goes out as JSON lines on stdout. So a test waits for what it
//! expects and never for an amount of time. The end of stdin ends the program, so none outlives its test.

mod client;
mod output;
mod server;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;

use tokio::sync::mpsc;

const USAGE: &str = "\
usage: rustbond-peer server --listen ADDRESS:PORT [--keepalive SECONDS]
       rustbond-peer client --server ADDRESS:PORT [--server …] [--clients COUNT]
commands on stdin:
  server: stats
  client: [@INDEX] subscribe VNI | unsubscribe VNI
          [@INDEX] announce|withdraw VNI PREFIX HOP [std | lb | nat FROM TO]
          (without @INDEX every client does it; {n} in a command stands for the client's index)
  both:   quit";

/// A failure as text for people, like all failures of this program.
pub type Outcome<T> = Result<T, String>;

/// The commands' lines; ends with stdin or at `quit`.
pub type Lines = mpsc::UnboundedReceiver<String>;

#[derive(Default)]
struct Flags {
    listen: Option<SocketAddr>,
    keepalive_seconds: Option<u32>,
    servers: Vec<String>,
    clients: Option<usize>,
}

fn parse_flags(mut words: impl Iterator<Item = String>) -> Outcome<Flags> {
    let mut flags = Flags::default();
    while let Some(flag) = words.next() {
        let value = words.next().ok_or(format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--listen" => flags.listen = Some(parse(&value)?),
            "--keepalive" => flags.keepalive_seconds = Some(parse(&value)?),
            "--server" => flags.servers.push(value),
            "--clients" => flags.clients = Some(parse(&value)?),
            _ => return Err(format!("unknown flag {flag}")),
        }
    }
    Ok(flags)
}

/// Any value that is written in one word.
pub fn parse<T: std::str::FromStr>(word: &str) -> Outcome<T>
where
    T::Err: std::fmt::Display,
{
    word.parse().map_err(|error| format!("{word}: {error}"))
}

/// Reads stdin in a thread of its own, which may stay blocked there when the program ends.
fn read_lines() -> Lines {
    let (sender, lines) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if line == "quit" || sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

async fn run() -> Outcome<()> {
    let mut words = std::env::args().skip(1);
    let mode = words.next().ok_or(USAGE)?;
    let flags = parse_flags(words).map_err(|error| format!("{error}\n{USAGE}"))?;
    match (mode.as_str(), flags.listen) {
        ("server", Some(listen)) => {
            server::run(listen, flags.keepalive_seconds.unwrap_or(5), read_lines()).await
        }
        ("client", _) if !flags.servers.is_empty() => {
            client::run(&flags.servers, flags.clients.unwrap_or(1), read_lines()).await
        }
        _ => Err(USAGE.into()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
