//! The command.

use std::io::{IsTerminal, Write, stdout};
use std::time::Duration;

use jettison_tick::clock::Clock;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::{DefaultTerminal, Terminal};

use super::draw::{draw, text};
use super::scene::Scene;
use crate::cli;
use crate::failure::{Failure, printed};

/// Of a frame that is printed.
const COLUMNS: u16 = 80;
const LINES: u16 = 24;
/// Rows that are asked for: a tall terminal has no more.
const ROWS: usize = 100;

/// What a key asks for.
enum Wish {
    End,
    Row(usize),
    Nothing,
}

pub(crate) fn top(args: &cli::Top) -> Result<(), Failure> {
    let scene = Scene::ask(&args.state_dir, ROWS)?;
    if args.once {
        return once(&scene);
    }
    if !stdout().is_terminal() {
        return Err(Failure::Usage("standard output is no terminal: use `top --once`".into()));
    }
    let terminal = ratatui::try_init();
    let ended = terminal.and_then(|terminal| watch(terminal, scene, args));
    // Whatever went wrong, the terminal is put back.
    ratatui::restore();
    ended.map_err(|error| Failure::Failed(format!("the terminal cannot be used: {error}")))
}

fn once(scene: &Scene) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(format!("nothing can be drawn: {error}"));
    let mut terminal = Terminal::new(TestBackend::new(COLUMNS, LINES)).map_err(|error| failed(&error))?;
    terminal.draw(|frame| draw(frame, scene)).map_err(|error| failed(&error))?;
    printed(write!(stdout().lock(), "{}", text(terminal.backend().buffer())))
}

/// Until the reader has seen enough.
fn watch(mut terminal: DefaultTerminal, mut scene: Scene, args: &cli::Top) -> std::io::Result<()> {
    let interval_ms = args.interval * 1_000;
    let mut asked_at_ms = Clock.now().boot_ms;
    loop {
        terminal.draw(|frame| draw(frame, &scene))?;
        let since_ms = Clock.now().boot_ms.saturating_sub(asked_at_ms);
        let left = Duration::from_millis(interval_ms.saturating_sub(since_ms));
        if !left.is_zero() && event::poll(left)? {
            match event::read()? {
                Event::Key(key) => match wish(key, scene.selected) {
                    Wish::End => return Ok(()),
                    Wish::Row(row) => scene.select(row),
                    Wish::Nothing => {}
                },
                // It is drawn again.
                Event::Resize(..) => {}
                _ => {}
            }
            continue;
        }
        scene.ask_again(&args.state_dir, ROWS);
        asked_at_ms = Clock.now().boot_ms;
    }
}

/// In raw mode a terminal sends no SIGINT.
fn wish(key: KeyEvent, selected: usize) -> Wish {
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        _ if key.kind == KeyEventKind::Release => Wish::Nothing,
        KeyCode::Char('q') | KeyCode::Esc => Wish::End,
        KeyCode::Char('c') if is_control => Wish::End,
        KeyCode::Char('j') | KeyCode::Down => Wish::Row(selected.saturating_add(1)),
        KeyCode::Char('k') | KeyCode::Up => Wish::Row(selected.saturating_sub(1)),
        KeyCode::Home => Wish::Row(0),
        _ => Wish::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_move_and_end() {
        let wish = |code, modifiers| wish(KeyEvent::new(code, modifiers), 5);
        let none = KeyModifiers::NONE;
        assert!(matches!(wish(KeyCode::Char('q'), none), Wish::End));
        assert!(matches!(wish(KeyCode::Char('c'), KeyModifiers::CONTROL), Wish::End));
        assert!(matches!(wish(KeyCode::Char('c'), none), Wish::Nothing));
        assert!(matches!(wish(KeyCode::Down, none), Wish::Row(6)));
        assert!(matches!(wish(KeyCode::Char('k'), none), Wish::Row(4)));
        assert!(matches!(wish(KeyCode::Home, none), Wish::Row(0)));
    }
}
