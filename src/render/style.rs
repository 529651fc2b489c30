//! The few colours. They repeat what the words say, never replace it.

use anstyle::{AnsiColor, Style};
use std::fmt::Display;

const fn colour(c: AnsiColor) -> Style {
    Style::new().fg_color(Some(anstyle::Color::Ansi(c)))
}

const GREEN: Style = colour(AnsiColor::Green);
const RED: Style = colour(AnsiColor::Red).bold();
const YELLOW: Style = colour(AnsiColor::Yellow);
const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();

fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// As declared.
pub fn good(text: impl Display) -> String {
    paint(GREEN, text)
}
/// Not as declared; the violated property.
pub fn bad(text: impl Display) -> String {
    paint(RED, text)
}
/// Worth a look.
pub fn warn(text: impl Display) -> String {
    paint(YELLOW, text)
}
/// Secondary.
pub fn dim(text: impl Display) -> String {
    paint(DIM, text)
}
/// Headings.
pub fn bold(text: impl Display) -> String {
    paint(BOLD, text)
}
