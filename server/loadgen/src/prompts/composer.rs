//! Composes a prompt of a given number of tokens from words whose costs are known.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::lengths::Length;

/// Ends a prompt that lacks a token which no word is short enough for.
const FILLER: char = '.';

/// A word and its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: &'static str,
    /// Tokens at the very beginning of a text, if that is known: only then it may stand there.
    pub(super) first_tokens: Option<u32>,
    /// Tokens after another word, with the space before it.
    pub(super) tokens: u32,
}

impl Word {
    fn fits_first(&self, budget_tokens: u32) -> bool {
        self.first_tokens
            .is_some_and(|tokens| tokens <= budget_tokens)
    }

    /// Tokens at the beginning of a text or after another word.
    pub(super) fn cost(&self, is_first: bool) -> u32 {
        self.first_tokens
            .filter(|_| is_first)
            .unwrap_or(self.tokens)
    }
}

/// The words that prompts may use, the cheapest first.
#[derive(Clone, Debug)]
pub(super) struct Vocabulary {
    words: Vec<Word>,
}

impl Vocabulary {
    /// Of these words.
    pub(super) fn new(mut words: Vec<Word>) -> Self {
        words.retain(|word| word.tokens > 0 && word.first_tokens != Some(0));
        words.sort_by_key(|word| (word.tokens, word.text));
        Self { words }
    }

    /// The words.
    pub(super) fn words(&self) -> &[Word] {
        &self.words
    }

    /// A word of at most `budget_tokens` after another word, or none.
    fn pick(&self, rng: &mut ChaCha8Rng, budget_tokens: u32) -> Option<Word> {
        let affordable = self
            .words
            .partition_point(|word| word.tokens <= budget_tokens);
        if affordable == 0 {
            return None;
        }
        self.words.get(rng.random_range(0..affordable)).copied()
    }

    /// A word of at most `budget_tokens` at the beginning of a text, or none.
    fn pick_first(&self, rng: &mut ChaCha8Rng, budget_tokens: u32) -> Option<Word> {
        let affordable = || {
            self.words
                .iter()
                .filter(|word| word.fits_first(budget_tokens))
        };
        let count = affordable().count();
        if count == 0 {
            return None;
        }
        affordable().nth(rng.random_range(0..count)).copied()
    }
}

/// A prompt in the making.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) index: u32,
    pub(super) planned_tokens: u32,
    pub(super) output_tokens: u32,
    pub(super) text: String,
    /// Tokens by the costs of its words; by count once it was counted.
    pub(super) made_tokens: u32,
    /// Tokens it adds after another prompt and a space, by the costs of its words.
    pub(super) following_tokens: u32,
    rng: ChaCha8Rng,
}

/// Composes prompts.
#[derive(Clone, Debug)]
pub(super) struct Composer {
    vocabulary: Vocabulary,
    prefix: Vec<Word>,
}

impl Composer {
    /// A composer whose prompts share a beginning of `prefix_tokens`.
    pub(super) fn new(vocabulary: Vocabulary, prefix_tokens: u32, mut rng: ChaCha8Rng) -> Self {
        let mut prefix: Vec<Word> = vocabulary
            .pick_first(&mut rng, prefix_tokens)
            .into_iter()
            .collect();
        let mut left =
            prefix_tokens.saturating_sub(prefix.iter().map(|word| word.cost(true)).sum());
        while let Some(word) = vocabulary.pick(&mut rng, left) {
            left -= word.tokens;
            prefix.push(word);
        }
        Self { vocabulary, prefix }
    }

    /// The prompt at `index`: the shared prefix as far as it fits and leaves a token free, then
    /// words of its own.
    pub(super) fn draft(&self, index: u32, length: Length, rng: ChaCha8Rng) -> Draft {
        let planned_tokens = length.input_tokens;
        let mut draft = Draft {
            index,
            planned_tokens,
            output_tokens: length.output_tokens,
            text: String::new(),
            made_tokens: 0,
            following_tokens: 0,
            rng,
        };
        let prefix = if length.has_prefix {
            self.prefix.as_slice()
        } else {
            &[]
        };
        for word in prefix {
            let cost = word.cost(draft.text.is_empty());
            if draft.made_tokens + cost >= planned_tokens {
                break;
            }
            draft.push(*word);
        }
        self.fill(&mut draft);
        draft
    }

    /// Appends words until the costs add up to the plan.
    fn fill(&self, draft: &mut Draft) {
        while draft.made_tokens < draft.planned_tokens {
            let budget = draft.planned_tokens - draft.made_tokens;
            self.append(draft, budget);
        }
    }

    /// Appends a word of at most `budget_tokens`, or a filler where there is none.
    fn append(&self, draft: &mut Draft, budget_tokens: u32) {
        let word = if draft.text.is_empty() {
            self.vocabulary.pick_first(&mut draft.rng, budget_tokens)
        } else {
            self.vocabulary.pick(&mut draft.rng, budget_tokens)
        };
        match word {
            Some(word) => draft.push(word),
            None => draft.push_filler(),
        }
    }

    /// Changes a prompt that was counted as `counted_tokens` towards the plan.
    pub(super) fn mend(&self, draft: &mut Draft, counted_tokens: u32) {
        draft.made_tokens = counted_tokens;
        if counted_tokens > draft.planned_tokens {
            draft.pop();
            // What the popped word cost is not known apart: the next count tells.
            return;
        }
        // One word at a time: where words merge, the costs of several would be wrong again.
        let budget = draft.planned_tokens - counted_tokens;
        if budget > 0 {
            self.append(draft, budget);
        }
    }
}

impl Draft {
    fn push(&mut self, word: Word) {
        self.made_tokens += word.cost(self.text.is_empty());
        self.following_tokens += word.tokens;
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(word.text);
    }

    /// Whether it is of words alone.
    pub(super) fn is_plain(&self) -> bool {
        !self.text.contains(FILLER)
    }

    fn push_filler(&mut self) {
        self.made_tokens += 1;
        self.following_tokens += 1;
        self.text.push(FILLER);
    }

    /// Takes the last word off, or the last letter of a single one.
    fn pop(&mut self) {
        match self.text.rfind(' ') {
            Some(space) => self.text.truncate(space),
            None => {
                self.text.pop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::seeded;
    use super::super::words::WORDS;
    use super::*;

    fn composer(prefix_tokens: u32) -> Composer {
        let word = |text: &&'static str| {
            let tokens = u32::try_from(text.len().div_ceil(3)).unwrap();
            Word {
                text,
                first_tokens: Some(tokens + 1),
                tokens,
            }
        };
        let vocabulary = Vocabulary::new(WORDS.iter().map(word).collect());
        Composer::new(vocabulary, prefix_tokens, seeded(1, 3))
    }

    fn draft(composer: &Composer, index: u32, tokens: u32) -> Draft {
        let length = Length {
            input_tokens: tokens,
            output_tokens: 1,
            has_prefix: true,
        };
        composer.draft(index, length, seeded(1, 1_000 + u64::from(index)))
    }

    #[test]
    fn costs_add_up_to_the_plan() {
        let composer = composer(0);
        for tokens in 1..300 {
            let draft = draft(&composer, tokens, tokens);
            assert_eq!(draft.made_tokens, tokens, "{}", draft.text);
        }
    }

    #[test]
    fn prompts_differ_and_repeat_with_the_seed() {
        let composer = composer(0);
        let texts: Vec<String> = (0..50)
            .map(|index| draft(&composer, index, 40).text)
            .collect();
        let mut unique = texts.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), 50);
        assert_eq!(draft(&composer, 7, 40).text, texts[7]);
    }

    #[test]
    fn a_shared_prefix_begins_every_prompt_and_leaves_room_for_its_own_words() {
        let composer = composer(30);
        let prefix: Vec<&str> = composer.prefix.iter().map(|word| word.text).collect();
        let prefix = prefix.join(" ");
        let (one, two) = (draft(&composer, 1, 60).text, draft(&composer, 2, 60).text);
        assert!(one.starts_with(&prefix) && two.starts_with(&prefix));
        assert_ne!(one, two);
        let short = draft(&composer, 3, 10);
        assert_eq!(short.made_tokens, 10);
    }
}
