/// The words that people choose first. All lower case, sorted by kind; base/password_rules decides
/// what counts as one of them.
#pragma once

#include <string_view>

namespace parley {

/// Separated by spaces.
constexpr std::string_view weak_password_words =
    // The word itself, in the languages of many keyboards.
    "pass passwd password passwort passord passwd passwords parola parol haslo heslo contrasena "
    "contrasenia clave senha motdepasse lozinka salasana wachtwoord sifre kennwort geheim secret "
    "secrets topsecret mypassword mypass newpassword newpass oldpassword nopassword nopass "
    "thepassword yourpassword password1 passphrase pwd pw pincode code mima "
    // Systems, roles and states.
    "admin administrator administrador root toor user username guest test tester testing testtest "
    "demo sample example default changeme change changeit changethis temp temporary temporal login "
    "logon signin access system sysadmin operator manager master owner server database oracle "
    "mysql postgres sqlite redis docker ubuntu debian linux windows microsoft apple google android "
    "iphone samsung nokia cisco internet computer laptop network wireless wifi router network "
    "website email gmail yahoo hotmail facebook instagram twitter youtube linkedin netflix amazon "
    "github gitlab openai chatgpt parley chat letmein letmeinnow openup opensesame sesame backdoor "
    "security secure private public service support office company business project student "
    "teacher school college university hospital doctor nurse police army "
    // Keyboards and counting; runs are found by rule, these are the mixed ones.
    "qwerty qwertz azerty qwertyui qwertyuiop qwer asdf asdfgh asdfghjkl zxcv zxcvbn zxcvbnm "
    "qazwsx "
    "qazwsxedc qweasd qweasdzxc qweqwe asdasd zxczxc wasd abc abcd abcde abcdef abcabc aaa aaaa "
    "xxx xxxx zzz one onetwothree "
    // Affection and mood.
    "love lover lovely lovers loveme loveyou iloveyou iloveu iloveme ihateyou ilove truelove "
    "mylove "
    "babylove angel angels baby babe babygirl babyboy princess prince princesa queen king sweet "
    "sweetie sweety sweetheart honey darling sunshine sunny sunflower butterfly flower flowers "
    "rainbow heaven forever always together friend friends bestfriend family mother father mommy "
    "daddy mom dad sister brother happy happiness smile smiley lucky lucky7 freedom peace hope "
    "faith trust trustno1 believe blessed jesus jesuschrist christ god godisgood allah bismillah "
    "inshallah amigos amor teamo tequiero mahal jetaime schatz hallo hello hellohello helloworld "
    "hola bonjour ciao salut welcome willkommen bienvenue bienvenido goodbye goodluck whatever "
    "nothing something anything everything nobody noone someone whocares fuckyou fuckoff fuckme "
    "fuck asshole bitch bullshit shit sexy sex sexsex pussy boobs cock dick playboy hotgirl hottie "
    // Names.
    "alex alexander alexandra alexis alice amanda amber andrea andrew andrey angela angelina anna "
    "anthony antonio arthur ashley austin barbara benjamin bailey bella brandon brian brittany "
    "cameron carlos carmen carolina caroline catherine charles charlie charlotte chelsea chris "
    "christian christina christine christopher claudia courtney crystal daniel daniela danielle "
    "david dennis diana diego dominic edward eduardo elena elizabeth emily emma eric ethan eugene "
    "eva fernando francis francisco frank gabriel gabriela george gerald grace hannah harley harry "
    "heather helen henry hunter isabella isabel jack jackson jacob jake james jamie jasmine jason "
    "jasper javier jennifer jeremy jessica jessie joanna john johnny jonathan jordan joseph joshua "
    "juan julia julian justin karen kevin kimberly kristina laura lauren leonardo lisa louis lucas "
    "lucy madison manuel marcus maria marina marine mario mark martin martha mary matthew maxwell "
    "megan melissa michael michelle miguel mike mohamed mohammed monica morgan muhammad nadia "
    "natalia natalie natasha nathan nicholas nicole nikita nikolay oliver olivia oscar pablo "
    "pamela "
    "patricia patrick paul peter philip rachel rafael rebecca ricardo richard robert roberto rocky "
    "ronald ronaldo rosa roxanne russell ryan sabrina samantha samuel sandra santiago sara sarah "
    "scott sebastian sergey sharon simon sofia sophia sophie stella stephanie stephen steven susan "
    "svetlana sydney tamara taylor teresa thomas tiffany tigger timothy tommy travis trevor tyler "
    "valentin valentina vanessa veronica victor victoria vincent vladimir walter william winston "
    "yasmin zachary zoe "
    // Animals and nature.
    "animal bear bigdog bird buster butthead cat cats cheetah chicken cookie cow dog dogs doggie "
    "dolphin dolphins dragon dragons duck eagle eagles elephant falcon fish ginger horse jaguar "
    "kitten kitty hellokitty leopard lion lizard maggie monkey monkeys mouse mustang panda panther "
    "penguin phoenix pony puppy rabbit raven scorpion shadow shark snake snoopy spider spirit "
    "tiger tigers turtle unicorn viper wolf wolves worm earth fire forest garden ice mountain moon "
    "moonlight ocean river rose sky snow snowball snowman star stars starlight storm sun sunset "
    "summer winter spring autumn fall sommer herbst fruehling verano invierno january february "
    "march april may june july august september october november december monday tuesday "
    "wednesday thursday friday saturday sunday thunder water wind "
    // Sport, games, music, film.
    "arsenal baseball basketball barcelona batman bulldog bulldogs chelsea celtic champion cowboys "
    "cricket everton ferrari fitness football fussball futbol gamer games gaming golf golfer "
    "hockey juventus lakers lebron liverpool manchester manutd messi milan ninja nike olympic "
    "packers poker pokemon pikachu porsche racing raiders rangers realmadrid redsox rugby runner "
    "skater soccer softball spartak steelers superman supergirl spiderman ironman surfer swimming "
    "tennis united volleyball warriors winner wrestling yankees zidane beatles blink182 drummer "
    "eminem guitar metallica music nirvana pinkfloyd rockstar rocknroll slayer slipknot tupac "
    "assassin avatar callofduty counterstrike diablo fallout fortnite gandalf gundam hacker "
    "hogwarts "
    "harrypotter legend lordoftherings mario matrix megaman merlin minecraft minion naruto narnia "
    "overwatch pirate player playstation predator roblox skywalker sonic starcraft startrek "
    "starwars terminator titanic transformers vampire vegeta warcraft wizard xbox zelda zombie "
    // Things, food, colours, places, cars.
    "banana apple apples beer biscuit brownie bubbles butter cake candy cheese cherry chocolate "
    "coffee cola cupcake donut jelly lemon mango orange peaches peanut pepper pepsi pizza potato "
    "pumpkin strawberry sugar tequila tomato vodka whiskey black blackjack blue brown diamond gold "
    "golden green grey pink purple red silver violet white yellow america argentina australia "
    "berlin brasil brazil california canada chicago china colombia dallas deutschland england "
    "florida france germany houston india indonesia ireland italia italy jamaica japan london "
    "madrid mexico moscow newyork pakistan paris poland portugal russia scotland spain texas tokyo "
    "turkey ukraine vietnam audi bmw camaro chevrolet chevy corvette ferrari ford harley honda "
    "lamborghini mercedes nissan subaru toyota yamaha bigboss boss captain chief cool coolman "
    "creative crazy danger dark death devil enter enterprise extreme ghost hammer hardcore hello1 "
    "homework hunter infinity inferno jackpot justice killer knight life magic magnum maverick "
    "midnight million money mystery number panic passion pirates platinum power powers pretty "
    "princess1 rebel rocket sniper soldier special stupid success super superstar thankyou thunder "
    "trouble universe vanilla victory virus warrior wonder yellow yesterday zero";

}  // namespace parley
