#!/usr/bin/env perl
# circles.pl ROOT - no circle in the drawing of core/src: files that call each other in a loop, or
# headers that include each other in one. An arrow is the use of a function that another file
# defines, or a header's include of a header. Prints what ties each circle, and fails if there is
# one. With --drawing the arrows, a line each.
use strict;
use warnings;

my $drawing = @ARGV && $ARGV[0] eq '--drawing' && shift @ARGV;
my $source = "$ARGV[0]/core/src";
my (%text, %home, %arrow);

for my $file (glob "$source/*/*.[ch] $source/*/*/*.[ch]") {
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    my $code = <$in>;
    my $room = substr $file, length($source) + 1;
    $code =~ s{/\*.*?\*/}{}gs;
    if ($file =~ /\.h$/) {
        $arrow{$room}{$1}{'(include)'} = 1 while $code =~ /^ *# *include "([^"]+)"/gm;
        $text{$room} = '';
        next;
    }
    $code =~ s/"(?:\\.|[^"\\\n])*"//g;
    $text{$room} = $code;
    while ($code =~ /^(?!static\b)[a-z][\w \*]*?\b(whi?_\w+)\([^;{]*\)\s*\{/gm) {
        $home{$1} = $room;
    }
}
for my $room (keys %text) {
    my %used = map { $_ => 1 } $text{$room} =~ /\b(whi?_\w+)\b/g;
    for my $name (keys %used) {
        my $other = $home{$name};
        $arrow{$room}{$other}{$name} = 1 if defined $other && $other ne $room;
    }
}
delete $arrow{$_} for grep { !exists $text{$_} } keys %arrow;
for my $room (keys %arrow) {
    delete $arrow{$room}{$_} for grep { !exists $text{$_} } keys %{ $arrow{$room} };
}
if ($drawing) {
    for my $room (sort keys %arrow) {
        print "$room -> $_\n" for sort keys %{ $arrow{$room} };
    }
    exit 0;
}

# Tarjan's strongly connected components.
my (%index, %low, %on, @stack, @circles);
my $next = 0;

sub visit {
    my ($room) = @_;
    $index{$room} = $low{$room} = $next++;
    push @stack, $room;
    $on{$room} = 1;
    for my $other (sort keys %{ $arrow{$room} || {} }) {
        if (!exists $index{$other}) {
            visit($other);
            $low{$room} = $low{$other} if $low{$other} < $low{$room};
        } elsif ($on{$other}) {
            $low{$room} = $index{$other} if $index{$other} < $low{$room};
        }
    }
    return if $low{$room} != $index{$room};
    my @circle;
    while (@stack) {
        my $one = pop @stack;
        $on{$one} = 0;
        push @circle, $one;
        last if $one eq $room;
    }
    push @circles, \@circle if @circle > 1;
}
no warnings 'recursion';
for my $room (sort keys %text) { visit($room) if !exists $index{$room}; }

for my $circle (@circles) {
    my %in = map { $_ => 1 } @$circle;
    print "a circle of ", scalar @$circle, ": @{[sort @$circle]}\n";
    for my $room (sort @$circle) {
        for my $other (sort grep { $in{$_} } keys %{ $arrow{$room} }) {
            my @names = sort keys %{ $arrow{$room}{$other} };
            print "  $room -> $other: @names[0 .. ($#names < 4 ? $#names : 4)]\n";
        }
    }
}
exit(@circles ? 1 : 0);
