//! Letters that Unicode does not decompose: ligatures, letters with strokes or hooks, and a few variants.

/// The letters that a lower-case letter is compared as: those that people type if their keyboard does not have
/// it. Mostly from CLDR's transform Latin-ASCII.
pub(super) fn to_base_letters(c: char) -> impl Iterator<Item = char> {
    let (first, second) = base_letters(c);
    std::iter::once(first).chain(second)
}

fn base_letters(c: char) -> (char, Option<char>) {
    let base = match c {
        'æ' => return ('a', Some('e')),
        'ꜳ' => return ('a', Some('a')),
        'ꜵ' => return ('a', Some('o')),
        'ꜷ' => return ('a', Some('u')),
        'ꜹ' | 'ꜻ' => return ('a', Some('v')),
        'ꜽ' => return ('a', Some('y')),
        'ȸ' => return ('d', Some('b')),
        'ƕ' => return ('h', Some('v')),
        'ỻ' => return ('l', Some('l')),
        'œ' => return ('o', Some('e')),
        'ƣ' => return ('o', Some('i')),
        'ꝏ' => return ('o', Some('o')),
        'ȣ' => return ('o', Some('u')),
        'ȹ' => return ('q', Some('p')),
        'ß' => return ('s', Some('s')),
        'þ' | 'ꝥ' | 'ꝧ' => return ('t', Some('h')),
        'ꝡ' => return ('v', Some('y')),
        'ⱥ' => 'a',
        'ƀ' | 'ƃ' | 'ɓ' => 'b',
        'ȼ' | 'ƈ' | 'ɕ' => 'c',
        'đ' | 'ð' | 'ƌ' | 'ɖ' | 'ɗ' | 'ȡ' | 'ꝺ' => 'd',
        'ə' | 'ǝ' | 'ɛ' | 'ɇ' => 'e',
        'ƒ' | 'ꝼ' => 'f',
        'ǥ' | 'ɠ' | 'ɡ' | 'ᵹ' | 'ꞡ' => 'g',
        'ħ' | 'ɦ' | 'ⱨ' => 'h',
        'ı' | 'ɨ' | 'ɩ' => 'i',
        'ȷ' | 'ɉ' | 'ɟ' => 'j',
        'ƙ' | 'ⱪ' | 'ꝁ' | 'ꝃ' | 'ꝅ' | 'ꞣ' => 'k',
        'ł' | 'ƚ' | 'ⱡ' | 'ɫ' | 'ɬ' | 'ɭ' | 'ꝉ' => 'l',
        'ɱ' => 'm',
        'ŋ' | 'ɲ' | 'ƞ' | 'ɳ' | 'ꞥ' => 'n',
        'ø' | 'ɔ' | 'ɵ' | 'ꝋ' | 'ꝍ' => 'o',
        'ƥ' | 'ᵽ' | 'ꝑ' | 'ꝓ' | 'ꝕ' => 'p',
        'ĸ' | 'ɋ' | 'ꝗ' | 'ꝙ' => 'q',
        'ɍ' | 'ɽ' | 'ꝛ' | 'ꞃ' | 'ꞧ' => 'r',
        'ẜ' | 'ẝ' | 'ȿ' | 'ʂ' | 'ꞅ' | 'ꞩ' => 's',
        'ŧ' | 'ƫ' | 'ƭ' | 'ʈ' | 'ⱦ' | 'ꞇ' => 't',
        'ʉ' => 'u',
        'ʋ' | 'ⱱ' | 'ỽ' | 'ꝟ' => 'v',
        'ƿ' | 'ⱳ' => 'w',
        'ƴ' | 'ɏ' | 'ỿ' => 'y',
        'ƶ' | 'ȥ' | 'ⱬ' | 'ɀ' | 'ʐ' | 'ʒ' => 'z',
        // Arabic and Persian keyboards have different code points for the same letters.
        'ى' | 'ی' => 'ي',
        'ک' => 'ك',
        _ => c,
    };
    (base, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_every_kind_are_compared_as_the_letters_that_people_type() {
        for (kind, letters, expected) in [
            ("ligatures", "æœꜳꜵꜷꜹꜽꝏꝡỻßþ", "aeoeaaaoauavayoovyllssth"),
            ("strokes", "ⱥƀȼđɇǥħɨɉꝁłøᵽɍŧʉɏƶ", "abcdeghijkloprtuyz"),
            ("oblique strokes", "ꞡꞣꞥꞧꞩ", "gknrs"),
            ("hooks", "ɓƈɗɠɦƙɱɲƥʂƭʋⱳƴȥ", "bcdghkmnpstvwyz"),
            ("insular", "ꝺꝼᵹꞃꞅꞇ", "dfgrst"),
            ("of abbreviations", "ꝉꝋꝑꝓꝗꝙꝛꝟ", "loppqqrv"),
            ("others", "ıȷəɔŋðƿꝥ", "ijeondwth"),
        ] {
            let found: String = letters.chars().flat_map(to_base_letters).collect();
            assert_eq!(found, expected, "{kind}");
        }
    }
}
