//! What is done next: at random, but often enough what makes something happen.

use crate::model::{Held, Model};
use crate::random::Random;
use crate::step::{DEFINABLE, KEYS, Member, POOLS, Pattern, Step, VALUES, WORKERS, Want};
use crate::topics::TopicStep;
use ephemeral_broker::engine::{Policy, SessionId};
use std::collections::VecDeque;

/// The most values of a pool.
const MAX_MEMBERS: usize = 12;

pub struct Plan {
    /// Those open.
    pub sessions: Vec<SessionId>,
    least_sessions: usize,
    /// How many of a thousand steps ask; the more, the more wait.
    asking: usize,
    last_ticket: u64,
    next_value: u64,
    /// What is to be done first.
    follow: VecDeque<Step>,
    pools: Vec<(Vec<Member>, bool, Policy)>,
    permits: [u32; 3],
    attempts: [u32; 3],
    limits: [(u32, u64, u32); 3],
    parties: [u32; 3],
    items: usize,
    /// Of a session that is closed.
    gone: Option<SessionId>,
    /// A token that may be held no more.
    old_token: u64,
    last_message: u64,
}

impl Plan {
    pub fn new(random: &mut Random) -> Self {
        let mut plan = Self {
            sessions: Vec::new(),
            least_sessions: random.between(20, 55) as usize,
            asking: random.between(400, 600) as usize,
            last_ticket: 0,
            next_value: 0,
            follow: VecDeque::new(),
            pools: Vec::new(),
            permits: [0; 3].map(|_| random.between(1, 5) as u32),
            attempts: [0; 3].map(|_| random.between(1, 4) as u32),
            limits: [0; 3].map(|_| {
                let max = random.between(1, 30) as u32;
                (max, random.pick(&[1, 10, 100, 1000, 7777]), random.between(1, u64::from(max)) as u32)
            }),
            parties: [0; 3].map(|_| random.between(1, 6) as u32),
            items: 0,
            gone: None,
            old_token: u64::MAX,
            last_message: 0,
        };
        for _ in 0..DEFINABLE {
            let sized = random.percent(30);
            let size = random.between(u64::from(sized), 6);
            let members = (0..size).map(|_| plan.member(random, sized)).collect();
            plan.pools.push((members, sized, random.pick(&[Policy::Lowest, Policy::Lru, Policy::Random])));
        }
        plan
    }

    fn member(&mut self, random: &mut Random, sized: bool) -> Member {
        self.next_value += 1;
        match sized {
            true => Member::number(),
            false => Member::value(self.next_value, random.below(3) as u8, random.below(2) as u8),
        }
    }

    fn session(&self, random: &mut Random) -> SessionId {
        match self.gone {
            Some(gone) if random.below(400) == 0 => gone,
            _ => random.pick(&self.sessions),
        }
    }

    /// Whether the next step belongs to the one before.
    pub fn goes_on(&self) -> bool {
        !self.follow.is_empty()
    }

    pub fn next(&mut self, random: &mut Random, model: &Model) -> Step {
        if let Some(step) = self.follow.pop_front() {
            return step;
        }
        if self.sessions.len() < self.least_sessions || (self.sessions.len() < 60 && random.below(150) == 0) {
            return Step::Open { process: random.below(12), thread: random.between(0, 2) };
        }
        if random.percent(15) {
            let session = self.session(random);
            return Step::Topic(TopicStep::plan(random, &model.topics, session, &mut self.last_message));
        }
        match random.below(1000) {
            at if at < self.asking => self.ask(random, model),
            0..=719 => self.settle(random, model),
            720..=819 => self.key(random, model),
            820..=869 => self.define(random, model),
            870..=909 => self.lease(random),
            910..=939 => self.other(random),
            940..=959 => {
                let session = self.session(random);
                let tickets: Vec<u64> = model.waits_of.get(&session).into_iter().flatten().copied().collect();
                let ticket = if tickets.is_empty() { random.below(1000) as u64 } else { random.pick(&tickets) };
                Step::Cancel { session, ticket }
            }
            960..=979 => {
                let session = random.pick(&self.sessions);
                self.gone = Some(session);
                Step::Close { session, orderly: random.percent(40) }
            }
            _ => Step::Tick,
        }
    }

    fn wait(random: &mut Random) -> Option<u64> {
        match random.below(10) {
            0 => Some(0),
            1 | 2 => Some(random.between(1, 20)),
            3..=5 => Some(random.between(100, 5000)),
            _ => None,
        }
    }

    fn ttl(random: &mut Random) -> Option<u64> {
        random.pick(&[None, None, Some(1), Some(20), Some(500), Some(60_000)])
    }

    fn pattern(random: &mut Random) -> Option<Pattern> {
        match random.below(5) {
            0 => Some(Pattern { role: Some(random.below(3) as u8), region: None }),
            1 => Some(Pattern { role: None, region: Some(random.below(2) as u8) }),
            2 => Some(Pattern { role: Some(random.below(3) as u8), region: Some(random.below(2) as u8) }),
            _ => None,
        }
    }

    fn ask(&mut self, random: &mut Random, model: &Model) -> Step {
        let mut session = self.session(random);
        // Few work on many things at once, but some do.
        for _ in 0..3 {
            if model.waits_of.get(&session).is_some_and(|waits| waits.len() > 2) && random.percent(95) {
                session = self.session(random);
            }
        }
        self.last_ticket += 1;
        // One line of work of several, that holds some of what its session does.
        let within = random.percent(10).then(|| {
            let own = model.holds_of.get(&session).into_iter().flatten().copied();
            own.filter(|_| random.percent(50)).collect()
        });
        Step::Ask {
            session,
            ticket: self.last_ticket,
            wait: Self::wait(random),
            within,
            want: self.want(random, model),
        }
    }

    fn want(&mut self, random: &mut Random, model: &Model) -> Want {
        let (three, key) = (random.below(3), random.below(KEYS.len()));
        match random.below(100) {
            0..=24 => {
                let parts = random.pick(&[1, 1, 1, 1, 2, 2, 3]);
                let ttl = if random.percent(30) { Self::ttl(random) } else { None };
                let parts = (0..parts).map(|_| (random.below(DEFINABLE), Self::pattern(random))).collect();
                Want::Values { parts, ttl }
            }
            25..=31 => Want::Number {
                pool: random.below(POOLS.len()),
                worker: random.below(WORKERS.len()),
                ttl: Self::ttl(random),
                detached: random.percent(20),
            },
            32..=46 => Want::Lock { lock: three, shared: random.percent(40) },
            47..=58 => {
                let permits = if random.percent(95) { self.permits[three] } else { random.between(1, 5) as u32 };
                let amount = if random.percent(97) { random.between(1, permits.into()) } else { random.between(0, 9) };
                Want::Permits { semaphore: three, permits, amount: amount as u32 }
            }
            59..=68 => Want::Once { key, refresh: random.pick(&[None, Some(1), Some(400)]) },
            69..=72 => Want::WaitFor { key },
            73..=76 => {
                let known = model.keys.version(key).filter(|_| random.percent(80));
                Want::Watch { key, after: known.unwrap_or(random.below(50) as u64) }
            }
            77..=86 => Want::Take { queue: three, until_done: random.percent(30) },
            87 => Want::Done { queue: three },
            88..=94 => Want::Pass { limit: three, cost: random.pick(&[1, 1, 1, 2, 5, self.limits[three].0]) },
            _ => {
                let parties = if random.percent(97) { self.parties[three] } else { random.between(1, 4) as u32 };
                Want::Arrive { barrier: three, parties }
            }
        }
    }

    /// Goes on with something that is held.
    fn settle(&mut self, random: &mut Random, model: &Model) -> Step {
        let mut session = self.session(random);
        let mut tokens: Vec<u64> = Vec::new();
        for _ in 0..8 {
            tokens = model.holds_of.get(&session).into_iter().flatten().copied().collect();
            if !tokens.is_empty() {
                break;
            }
            session = self.session(random);
        }
        if tokens.is_empty() {
            tokens.push(self.old_token);
        }
        let token = random.pick(&tokens);
        if random.below(20) == 0 {
            self.old_token = token;
        }
        if random.percent(2) {
            session = self.session(random);
        }
        if random.percent(4) {
            return Step::Renew { session, token, ttl: Self::ttl(random) };
        }
        let any = random.below(100);
        if any == 0 {
            return Step::Ack { session, token };
        }
        match model.holds.get(&token).map(|hold| hold.what) {
            Some(Held::Value { .. }) if any < 6 => Step::Discard { session, token },
            Some(Held::Permits { .. }) if any < 45 => {
                Step::Release { session, token, amount: Some(random.below(4) as u32) }
            }
            Some(Held::Making { key }) => match any {
                0..=59 => {
                    self.follow.push_back(Step::GetVersion { key });
                    Step::Fulfil { session, token, json: self.json(random), ttl: Self::ttl(random) }
                }
                60..=89 => Step::Fail { session, token, all: random.percent(50) },
                _ => Step::Release { session, token, amount: None },
            },
            Some(Held::Item { .. }) => match any {
                0..=49 => Step::Ack { session, token },
                50..=84 => Step::Nack { session, token },
                _ => Step::Release { session, token, amount: None },
            },
            _ if any < 20 => Step::Leak { session, token },
            _ => Step::Release { session, token, amount: if any > 97 { Some(1) } else { None } },
        }
    }

    fn json(&mut self, random: &mut Random) -> String {
        if random.percent(60) { random.below(1000).to_string() } else { format!("\"v{}\"", random.below(1000)) }
    }

    fn key(&mut self, random: &mut Random, model: &Model) -> Step {
        let key = random.below(KEYS.len());
        let learn = Step::GetVersion { key };
        match random.below(10) {
            0..=2 => {
                if random.percent(70) {
                    self.follow.push_back(learn);
                }
                let known = model.keys.version(key).unwrap_or(0);
                let if_version = random.pick(&[None, None, Some(known), Some(0), Some(known + 1)]);
                let json = self.json(random);
                Step::Set { key, json, ttl: Self::ttl(random), if_version, keep_ttl: random.percent(30) }
            }
            3..=5 => Step::Del { key },
            6 | 7 => {
                if random.percent(70) {
                    self.follow.push_back(learn);
                }
                Step::Incr { key, by: random.between(0, 9) as i64 - 4, ttl: Self::ttl(random) }
            }
            8 if random.percent(50) => Step::Get { key },
            8 => Step::Has { key },
            _ => learn,
        }
    }

    fn define(&mut self, random: &mut Random, model: &Model) -> Step {
        let three = random.below(3);
        match random.below(10) {
            0..=5 => {
                let items = (0..random.between(1, 3) as usize).map(|_| {
                    self.items += 1;
                    (self.items - 1).to_string()
                });
                Step::Push { queue: three, items: items.collect(), max_attempts: self.attempts[three] }
            }
            6 => {
                let (max, per, burst) = self.limits[three];
                Step::Limit { limit: three, max: max + u32::from(random.percent(5)), per, burst }
            }
            7 | 8 => {
                let pool = random.below(DEFINABLE);
                let (members, sized, policy) = self.pools[pool].clone();
                let members = if random.percent(5) { vec![self.member(random, sized)] } else { members };
                // What was asked for decides what there is from now on.
                if model.pools[pool].is_none() {
                    self.pools[pool].0 = members.clone();
                }
                Step::DefinePool { pool, members, sized, policy }
            }
            _ => {
                let pool = random.below(DEFINABLE);
                let sized = self.pools[pool].1 != random.percent(5);
                let in_service = model.pools[pool].as_ref().map_or(0, |there| there.in_service());
                if in_service >= MAX_MEMBERS {
                    return Step::Tick;
                }
                let members = (0..random.between(1, 2)).map(|_| self.member(random, sized)).collect();
                Step::AddToPool { pool, members, sized }
            }
        }
    }

    fn lease(&mut self, random: &mut Random) -> Step {
        let session = Some(self.session(random)).filter(|_| random.percent(85));
        let (pool, worker) = (random.below(POOLS.len()), random.below(WORKERS.len()));
        match random.below(2) {
            0 => Step::Lease { session, pool, worker, ttl: Self::ttl(random), detached: random.percent(20) },
            _ => Step::ReleaseWorker { session, worker, pool: Some(pool).filter(|_| random.percent(70)) },
        }
    }

    fn other(&mut self, random: &mut Random) -> Step {
        let (session, space) = (random.pick(&self.sessions), random.below(2));
        let values = (0..random.between(1, 3)).map(|_| random.below(VALUES.len())).collect();
        match random.below(10) {
            0..=3 => Step::Reserve { session, space, values },
            4..=6 => Step::Unreserve { session, space, values },
            7 => Step::Append { list: space, items: vec![random.below(100).to_string()] },
            8 => Step::Collect { list: space, from: random.below(50) },
            _ => {
                let text = Some(format!("test {}", random.below(10))).filter(|_| random.percent(70));
                Step::Describe { session, text }
            }
        }
    }
}
